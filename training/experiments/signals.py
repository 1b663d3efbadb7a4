"""Sequences as tensors inside a network."""

from typing import Any, NamedTuple

import keras
from keras import ops

Tensor = Any


class Signal(NamedTuple):
    """What a layer under test reads, see `Sequences`."""

    features: Tensor  # (B, T, F)
    times: Tensor  # (B, T)
    valid: Tensor  # (B, T)
    observed: Tensor  # (B, T)

    def keys(self) -> Tensor:
        """Returns which steps may be attended, `(B, 1, T)`."""
        return ops.logical_and(self.valid, self.observed)[:, None, :]

    def gaps(self) -> Tensor:
        """Returns the time since the step before, `(B, T, 1)`; 0 at the first step and in padding."""
        gaps = ops.pad(self.times[:, 1:] - self.times[:, :-1], ((0, 0), (1, 0)))
        before = ops.pad(ops.cast(self.valid[:, :-1], gaps.dtype), ((0, 0), (1, 0)))
        return (gaps * before)[..., None]

    def backwards(self) -> "Signal":
        """Returns the signal from its end to its beginning, in which time runs on."""
        flipped = Signal(*(ops.flip(x, axis=1) for x in self))
        return flipped._replace(times=-flipped.times)


def inputs(length: int, features: int) -> Signal:
    """Returns the inputs of a network."""
    return Signal(
        keras.Input((length, features), name="features"),
        keras.Input((length,), name="times"),
        keras.Input((length,), dtype="bool", name="valid"),
        keras.Input((length,), dtype="bool", name="observed"),
    )


def dense_encoder(signal: Signal, size: Any, layers: int = 1) -> Signal:
    """Returns the signal with each step's features encoded by that many hidden layers."""
    features = signal.features
    for _ in range(layers):
        features = keras.layers.Dense(size.units, activation="relu")(features)
    return signal._replace(features=features)
