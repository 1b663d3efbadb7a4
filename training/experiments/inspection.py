"""What a trained Liquid Attention Network does: how evenly it attends, and how fast its logits relax."""

from typing import Any

import keras
import numpy as np
from keras import ops

from models import masking
from models.lan import LAN

SEQUENCES = 128


def inspect(network: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """Returns facts about the first LAN layer of a network, None if it has none, or one step to attend to.

    Args:
        network: A trained network.
        inputs: What it is to look at; about `SEQUENCES` sequences are enough.

    Returns:
        `entropy`: of the attention weights, as a share of that of equal weights, averaged over heads and the
        queries that are used. `largest_weight`: the mean over these of the largest weight times the number of
        keys; 1 where attention is uniform. `time_constants`: the 5th, 50th and 95th percentile over pairs of
        the liquid time constant ``1 / tau``, under an elapsed horizon in the unit of the time stamps.
    """
    layer = next((layer for layer in network.layers if isinstance(layer, LAN)), None)
    if layer is None or layer.input[0].shape[1] == 1:
        return None
    reader = keras.Model(network.input, list(layer.input))
    *given, allowed = reader.predict(inputs, verbose=0)
    seen = layer.inspect(given[0] if len(given) == 1 else given, attention_mask=allowed)
    queries = slice(None) if layer.return_sequences else slice(-1, None)
    weights = ops.convert_to_numpy(seen.weights)[:, :, queries]
    constants = ops.convert_to_numpy(_time_scale(layer) / seen.tau)[:, :, queries]
    used = np.broadcast_to(_reachable(layer, allowed)[:, None, queries], weights.shape)
    return {**evenness(weights, used), "time_constants": _percentiles(constants[used])}


def evenness(weights: np.ndarray, used: np.ndarray) -> dict[str, float]:
    """Returns the normalised entropy of rows of weights, and their largest weight times their keys.

    Args:
        weights: Rows that sum to 1, `(..., S)`.
        used: Which keys may be attended, `(..., S)`. Rows with fewer than two are left out.
    """
    counts = used.sum(axis=-1)
    several = counts > 1
    logs = np.log(np.where(weights > 0, weights, 1))
    entropies = -np.sum(weights * logs, axis=-1)
    return {
        "entropy": float(np.mean(entropies[several] / np.log(counts[several]))),
        "largest_weight": float(np.mean((weights.max(axis=-1) * counts)[several])),
    }


def _reachable(layer: LAN, allowed: np.ndarray) -> np.ndarray:
    """Returns which keys each query may attend, `(B, T, S)`, given which are allowed to all, `(B, 1, S)`."""
    steps = allowed.shape[-1]
    pairs = np.broadcast_to(allowed, (len(allowed), steps, steps))
    if layer.window is None:
        return pairs
    window = masking.causal(ops.arange(steps, dtype="int32"), steps, layer.window)
    return pairs & ops.convert_to_numpy(window)


def _time_scale(layer: LAN) -> Any:
    if layer.learn_time_scale:
        return ops.exp(ops.convert_to_tensor(layer.log_time_scale))[:, None, None]
    return layer.time_scale


def _percentiles(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.percentile(values, (5, 50, 95))]
