"""The network around a contender at the wheel: the same encoder before and the same head after it."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from models.encoder import FrameEncoder
from training.experiments.signals import inputs
from training.experiments.study import Contender, Size

Tensor = Any

FILTERS = (24, 48, 64, 96)
HIDDEN = 64


class WindowDriver(keras.Model):
    """Decides for each frame by its features and those of the frames before it, a window together.

    Encoder and head are those of `LanDriver`. Whatever the contender is, attention or recurrent, it sees the
    frames of the window alone and begins each of them anew, so that none of them knows more than the others.

    Args:
        contender: What mixes the features of a window.
        size: Its size; the encoder gives as many features.
        window: Number of frames that a decision may look at, the newest included.
        image_shape: Shape `(height, width, 3)` of the frames.
        hidden_rows: Rows at the bottom of each frame that the network does not get to see.
        head: From hidden features to the outputs.

    Call arguments:
        inputs: Dictionary of `frames`, uint8, shape `(B, T, height, width, 3)`, and `times_s`, shape `(B,
            T)`.

    Returns:
        Outputs for each frame, `(B, T, outputs)`.

    Attributes:
        decide: The part behind the encoder: windows as `signals.inputs` has them in, outputs `(B, outputs)`.
    """

    def __init__(
        self,
        contender: Contender,
        size: Size,
        window: int,
        image_shape: tuple[int, int, int],
        hidden_rows: int,
        head: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.window, self.features = window, size.units
        self._rows = image_shape[0] - hidden_rows
        self.encoder = FrameEncoder(FILTERS, size.units)
        self.encoder.build((None, self._rows, *image_shape[1:]))
        signal = inputs(window, size.units)
        mixed = contender.mix(signal, size, False)
        normalized = keras.layers.LayerNormalization()(signal.features[:, -1] + mixed)
        outputs = head(keras.layers.Dense(HIDDEN, activation="relu")(normalized))
        self.decide = keras.Model(signal._asdict(), outputs)
        self.built = True

    def encode(self, frames: Tensor) -> Tensor:
        """Returns the features `(B, F)` of frames `(B, height, width, 3)`."""
        return self.encoder(ops.cast(frames[:, : self._rows], "float32"))

    def windows(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Returns the window before each frame, `(B T, window, ...)`, with times before the newest frame."""
        frames, times_s = inputs["frames"], ops.cast(inputs["times_s"], "float32")
        batch, length = ops.shape(frames)[:2]
        features = self.encode(ops.reshape(frames, (-1, *frames.shape[2:])))
        features = self._cut(ops.reshape(features, (batch, length, self.features)), length)
        times_s = self._cut(times_s, length)
        valid = self._cut(ops.ones((batch, length), "bool"), length)
        return as_window(features, times_s - times_s[:, -1:], valid)

    def call(self, inputs: dict[str, Tensor]) -> Tensor:
        """Returns the outputs for all frames of each sequence."""
        batch, length = ops.shape(inputs["frames"])[:2]
        outputs = self.decide(self.windows(inputs))
        return ops.reshape(outputs, (batch, length, outputs.shape[-1]))

    def step(self, frames: Tensor, earlier: Tensor, seconds_ago: Tensor) -> tuple[Tensor, Tensor]:
        """Decides for the newest frames of B drives.

        Args:
            frames: uint8, shape `(B, height, width, 3)`.
            earlier: Features of the frames before, oldest first, `(B, window - 1, F)`.
            seconds_ago: How long before the newest each of them was taken, negative where there is none.

        Returns:
            The outputs `(B, outputs)` and the features of the newest frames `(B, F)`.
        """
        newest = self.encode(frames)
        features = ops.concatenate([earlier, newest[:, None]], axis=1)
        ages_s = ops.pad(seconds_ago, ((0, 0), (0, 1)))
        return self.decide(as_window(features, -ages_s, ages_s >= 0)), newest

    def _cut(self, x: Tensor, length: Tensor) -> Tensor:
        """Returns the window that ends at each step: `(B, T, ...)` as `(B T, window, ...)`."""
        padded = ops.pad(x, ((0, 0), (self.window - 1, 0), *((0, 0),) * (len(x.shape) - 2)))
        stacked = ops.stack([padded[:, first : first + length] for first in range(self.window)], axis=2)
        return ops.reshape(stacked, (-1, self.window, *x.shape[2:]))


def as_window(features: Tensor, times_s: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """Returns windows by the names that a contender's inputs have."""
    return {"features": features, "times": times_s, "valid": valid, "observed": valid}
