"""The driving network: frames with time stamps in, commands out."""

from typing import Any

import keras
from keras import ops

from models.encoder import FrameEncoder
from models.lan import LAN
from models.streaming import StreamState

Tensor = Any


@keras.saving.register_keras_serializable(package="liquid_drive")
class LanDriver(keras.Model):
    """Frame encoder, liquid attention over the newest frames, and heads for steering and the pedals.

    The newest frame is the query; it attends itself and the frames before it, at most `window` together, each
    by its features and by the real time since it was taken. A frame's features also tell how long ago the
    frame before it was taken: since attention weights add up to one, ages alone could not tell the network
    how many frames get lost.

    Args:
        image_shape: Shape `(height, width, 3)` of the frames that the network takes.
        filters: Filters of the frame encoder's convolutions.
        features: Features of a frame, and of the attention.
        num_heads: Attention heads; must divide `features`.
        window: Number of frames that a decision may look at, the newest included.
        time_scale: Half-life in seconds of a fresh key's logit before training.
        phi_hidden: Hidden units of the attention's gates.
        hidden: Hidden units of the heads.
        pedals: Whether there is a head for gas and brake; where a speed control holds a set speed there need
            not be.

    Call arguments:
        inputs: Dictionary of `frames`, uint8, shape `(B, T, height, width, 3)`; `times_s`, shape `(B, T)`:
            the frames' moments in seconds, rising, relative to a moment near them; and `intervals_s`, shape
            `(B, T)`: seconds since the frame before each, 0 for the first of a drive.

    Returns:
        Commands of shape `(B, T, outputs)`: steering in -1..1; with pedals also gas and brake in 0..1.

    Attributes:
        outputs: Numbers in a command, 3 or 1.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        filters: tuple[int, ...] = (24, 48, 64, 96),
        features: int = 128,
        num_heads: int = 4,
        window: int = 8,
        time_scale: float = 0.1,
        phi_hidden: int = 32,
        hidden: int = 64,
        pedals: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.window = window
        self.outputs = 3 if pedals else 1
        self._settings = {
            "image_shape": self.image_shape,
            "filters": tuple(filters),
            "features": features,
            "num_heads": num_heads,
            "window": window,
            "time_scale": time_scale,
            "phi_hidden": phi_hidden,
            "hidden": hidden,
            "pedals": pedals,
        }
        self.encoder = FrameEncoder(filters, features)
        self.attention = LAN(
            features,
            num_heads,
            phi_hidden=phi_hidden,
            return_sequences=True,
            horizon="elapsed",
            initial="dot",
            gate_activation="tanh",
            time_scale=time_scale,
            learn_time_scale=True,
            window=window,
        )
        self.interval = keras.layers.Dense(features, use_bias=False)
        self.normalize = keras.layers.LayerNormalization()
        self.hidden = keras.layers.Dense(hidden, activation="relu")
        self.steering = keras.layers.Dense(1, activation="tanh")
        self.pedals = keras.layers.Dense(2, activation="sigmoid") if pedals else None

    def build(self, input_shape: Any = None) -> None:
        """Creates all weights; they depend on the configuration alone."""
        features = self._settings["features"]
        self.encoder.build((None, *self.image_shape))
        self.attention.build([(None, None, features), (None, None)])
        self.interval.build((None, None, 1))
        self.normalize.build((None, None, features))
        self.hidden.build((None, None, features))
        self.steering.build((None, None, self._settings["hidden"]))
        if self.pedals is not None:
            self.pedals.build((None, None, self._settings["hidden"]))
        self.built = True

    def call(self, inputs: dict[str, Tensor]) -> Tensor:
        """Returns the commands for all frames of each sequence."""
        frames, times_s = inputs["frames"], inputs["times_s"]
        batch, length = ops.shape(frames)[:2]
        features = self.encoder(ops.reshape(frames, (-1, *self.image_shape)))
        features = ops.reshape(features, (batch, length, features.shape[-1]))
        features = self.with_intervals(features, inputs["intervals_s"])
        return self.decide(features, self.attention((features, times_s)))

    def initial_state(self, batch_size: int = 1) -> StreamState:
        """Returns the memory of a drive that has seen no frame yet."""
        return self.attention.initial_state(batch_size)

    def step(self, frame: Tensor, time_s: Tensor, state: StreamState) -> tuple[Tensor, StreamState]:
        """Decides for the newest frame: one pass of the encoder and one attention of O(window).

        Args:
            frame: uint8, shape `(B, height, width, 3)`.
            time_s: Moment of the frame in seconds, float64, shape `(B,)`.
            state: What `initial_state` or the last `step` returned.

        Returns:
            The commands `(B, outputs)`, equal to the whole sequence's last ones, and the new state.
        """
        features = self.with_intervals(self.encoder(frame), state.seconds_since_newest(time_s))
        attended, state = self.attention.step(features, time_s, state)
        return self.decide(features, attended), state

    def with_intervals(self, features: Tensor, intervals_s: Tensor) -> Tensor:
        """Returns the encoder's features `(..., d_model)` with the intervals before their frames `(...)`."""
        scaled = ops.cast(intervals_s, "float32") / self._settings["time_scale"]
        return features + self.interval(ops.log1p(scaled)[..., None])

    def decide(self, features: Tensor, attended: Tensor) -> Tensor:
        """Returns the commands `(..., outputs)` by frames and what was attended, both `(..., d_model)`."""
        hidden = self.hidden(self.normalize(features + attended))
        steering = self.steering(hidden)
        if self.pedals is None:
            return steering
        return ops.concatenate([steering, self.pedals(hidden)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return dict(self._settings)
