"""Time stamps as features."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any

OCTAVES = 8
"""Periods start from half to `2 ** OCTAVES` times the time scale."""


@keras.saving.register_keras_serializable(package="liquid_drive_experiments")
class TimeCode(keras.layers.Layer):
    """A learned code of time: one linear feature, the others sines.

    Time2Vec (Kazemi et al. 2019), as mTAN (Shukla and Marlin 2021) uses it; the frequencies start
    geometrically spaced around the time scale, as those of the Transformer's positional code do.

    Args:
        features: Features of the code.
        time_scale: A typical distance between steps, in the unit of the time stamps.
        **kwargs: As for every layer.

    Call arguments:
        times: `(B, T)`.

    Returns:
        `(B, T, features)`.
    """

    def __init__(self, features: int, time_scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features, self.time_scale = features, time_scale

    def build(self, input_shape: Any) -> None:
        """Creates frequencies and phases."""
        periods = self.time_scale * np.geomspace(0.5, 2.0**OCTAVES, self.features - 1)
        start = np.concatenate([[1 / (self.time_scale * 2**OCTAVES)], 2 * math.pi / periods])
        self.frequencies = self.add_weight(
            name="frequencies",
            shape=(self.features,),
            initializer="zeros",
        )
        self.frequencies.assign(start)
        self.phases = self.add_weight(
            name="phases", shape=(self.features,), initializer=keras.initializers.RandomUniform(-1.0, 1.0)
        )

    def call(self, times: Tensor) -> Tensor:
        """Returns the code of each time stamp."""
        angles = times[..., None] * self.frequencies + self.phases
        return ops.concatenate([angles[..., :1], ops.sin(angles[..., 1:])], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns `(B, T, features)`."""
        return (*input_shape, self.features)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"features": self.features, "time_scale": self.time_scale}
