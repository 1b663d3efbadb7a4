"""Layers that attend: ours, as published, softmax attention, and the mean as the honest zero line."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from models.lan import LAN
from training.experiments.models.time_code import TimeCode
from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

Tensor = Any
Mix = Callable[[Signal, Size, bool], Tensor]

TIME_FEATURES = 16


def timed(mix: Mix) -> Mix:
    """Returns the layer reading the code of each step's time stamp besides its features."""

    def mix_timed(signal: Signal, size: Size, every_step: bool) -> Tensor:
        code = TimeCode(TIME_FEATURES, size.time_scale)(signal.times)
        return mix(
            signal._replace(features=ops.concatenate([signal.features, code], axis=-1)), size, every_step
        )

    return mix_timed


def lan(layer: type[LAN] = LAN, elapsed: bool = True, **options: Any) -> Mix:
    """Returns a Liquid Attention Network.

    Args:
        layer: The layer's class.
        elapsed: Whether its horizon is the time from key to query, its logits start from dot products and
            each head learns its time scale; otherwise it is as published.
        **options: Further arguments of the layer, which prevail.
    """

    def mix(signal: Signal, size: Size, every_step: bool) -> Tensor:
        timing = {
            "horizon": "elapsed",
            "initial": "dot",
            "time_scale": size.time_scale,
            "learn_time_scale": True,
        }
        arguments = {"num_heads": size.heads, **(timing if elapsed else {}), **options}
        attend = layer(size.units, return_sequences=every_step, **arguments)
        inputs = [signal.features, signal.times] if elapsed else signal.features
        return attend(inputs, attention_mask=signal.keys())

    return mix


def softmax(signal: Signal, size: Size, every_step: bool) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017)."""
    query = signal.features if every_step else signal.features[:, -1:]
    attend = keras.layers.MultiHeadAttention(size.heads, size.units // size.heads, output_shape=size.units)
    output = attend(query, signal.features, attention_mask=signal.keys())
    return output if every_step else output[:, 0]


def mean(signal: Signal, size: Size, every_step: bool) -> Tensor:
    """What attention with equal weights is: projected values, averaged, projected."""
    values = keras.layers.Dense(size.units)(signal.features)
    weights = ops.cast(signal.keys(), values.dtype)
    weights = weights / ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1)
    output = keras.layers.Dense(size.units)(ops.matmul(weights, values))
    return output * ops.ones_like(signal.times)[..., None] if every_step else output[:, 0]


LAN_ELAPSED = Contender("LAN, elapsed", lan())
LAN_TIMED = Contender("LAN, elapsed + time code", timed(lan()))
LAN_PUBLISHED = Contender("LAN, published", lan(elapsed=False))
SOFTMAX = Contender("softmax", softmax)
SOFTMAX_TIMED = Contender("softmax + time code", timed(softmax))
MEAN = Contender("mean pooling", mean)
MEAN_TIMED = Contender("mean pooling + time code", timed(mean))

ATTENTION = (LAN_ELAPSED, LAN_TIMED, LAN_PUBLISHED, SOFTMAX, SOFTMAX_TIMED, MEAN, MEAN_TIMED)

FAIR_PAIRS = (
    (LAN_ELAPSED.name, (MEAN.name, SOFTMAX.name)),
    (LAN_TIMED.name, (MEAN_TIMED.name, SOFTMAX_TIMED.name)),
)
"""Whom each of ours must beat: those that are told of time in no other way."""
