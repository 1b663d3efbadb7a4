"""What the layer is compared with: the pairwise published form, and attention in plain NumPy."""

import keras
import numpy as np

from benchmarks.pairwise import PairwiseLAN
from models.lan import LAN

PUBLISHED = ("mode", "euler_steps", "phi_hidden", "tau_epsilon", "delta_t", "use_bias", "gate_activation")


def features(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def time_stamps(*shape, seed=1):
    """Increasing times in seconds with irregular gaps, in float64, such that float32 holds them exactly."""
    gaps = np.random.default_rng(seed).integers(1000, 20000, size=shape)
    return np.cumsum(gaps, axis=-1) / 2**16


def built(*args, inputs=6, seed=0, scale=1.0, **kwargs):
    """A layer with random weights and biases, `scale` times as large as at initialisation."""
    layer = LAN(*args, **kwargs)
    layer.build((None, None, inputs))
    randomize(layer, seed, scale)
    return layer


def randomize(layer, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        deviation = 0.2 if len(weight.shape) == 1 else np.sqrt(2 / sum(weight.shape))
        weight.assign(scale * deviation * rng.normal(size=weight.shape))


def twin(layer, **changes):
    """A layer with the same weights and another configuration."""
    other = LAN.from_config({**layer.get_config(), **changes})
    other.build((None, None, layer.q_dense.kernel.shape[0]))
    other.set_weights(layer.get_weights())
    return other


def pairwise(layer, dtype="float32"):
    """The published form with the same weights."""
    config = layer.get_config()
    other = PairwiseLAN(
        layer.d_model, layer.num_heads, dtype=dtype, **{name: config[name] for name in PUBLISHED}
    )
    other.build((None, None, layer.q_dense.kernel.shape[0]))
    other.set_weights(layer.get_weights())
    return other


def softmax_attention(layer, x):
    """Scaled dot-product attention with the layer's projections, in float64."""

    def project(dense):
        y = x.astype("float64") @ numpy(dense.kernel) + numpy(dense.bias)
        return y.reshape(*x.shape[:2], layer.num_heads, layer.head_dim).swapaxes(1, 2)

    q, k, v = map(project, (layer.q_dense, layer.k_dense, layer.v_dense))
    logits = q @ k.swapaxes(2, 3) / np.sqrt(layer.head_dim)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    heads = (weights @ v).swapaxes(1, 2).reshape(*x.shape[:2], -1)
    return heads @ numpy(layer.out_dense.kernel) + numpy(layer.out_dense.bias), weights


def numpy(x):
    return keras.ops.convert_to_numpy(x)
