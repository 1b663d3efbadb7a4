"""mTAN: attention from reference times to the times of measurements."""

from typing import Any

import keras
from keras import ops

from training.experiments.models.attention import TIME_FEATURES
from training.experiments.models.time_code import TimeCode
from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

Tensor = Any

REFERENCES = 16


def reference_times(signal: Signal, count: int) -> Tensor:
    """Returns equally spaced times from the first to the last real step of each sequence, `(B, count)`."""
    last = signal.times[:, -1:]
    ages = (last - signal.times) * ops.cast(signal.valid, signal.times.dtype)
    first = last - ops.max(ages, axis=1, keepdims=True)
    return first + (last - first) * ops.linspace(0.0, 1.0, count)[None, :]


def mix(signal: Signal, size: Size, every_step: bool) -> Tensor:
    """A Multi-Time Attention Network (Shukla and Marlin 2021), without the variational part.

    Codes of reference times attend the codes of the steps' times, a GRU runs both ways over what they
    collect, and for an output at each step the codes of the steps attend the reference times in turn.
    """
    code = TimeCode(TIME_FEATURES, size.time_scale)
    steps, references = code(signal.times), code(reference_times(signal, REFERENCES))
    collected = keras.layers.MultiHeadAttention(
        size.heads, size.units // size.heads, output_shape=size.units
    )(references, value=signal.features, key=steps, attention_mask=signal.keys())
    gru = keras.layers.GRU(size.units // 2, return_sequences=every_step)
    hidden = keras.layers.Bidirectional(gru)(collected)
    if not every_step:
        return hidden
    return keras.layers.MultiHeadAttention(size.heads, size.units // size.heads, output_shape=size.units)(
        steps, value=hidden, key=references
    )


MTAN = Contender("mTAN", mix)
