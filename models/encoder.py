"""From one camera frame to its features."""

from typing import Any

import keras

Tensor = Any


@keras.saving.register_keras_serializable(package="liquid_drive")
class FrameEncoder(keras.layers.Layer):
    """A small convolutional network over single frames.

    Args:
        filters: Number of filters of each convolution. Each halves rows and columns; the first has a 5 x 5
            kernel, the others 3 x 3.
        features: Number of features of a frame.

    Call arguments:
        frames: Frames of shape `(B, height, width, 3)`, values 0 to 255.

    Returns:
        Features of shape `(B, features)`.
    """

    def __init__(self, filters: tuple[int, ...], features: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.features = features
        self.scale = keras.layers.Rescaling(1 / 127.5, offset=-1.0)
        self.convolutions = [
            keras.layers.Conv2D(
                count,
                5 if index == 0 else 3,
                strides=2,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
            )
            for index, count in enumerate(self.filters)
        ]
        self.flatten = keras.layers.Flatten()
        self.project = keras.layers.Dense(features, activation="relu", kernel_initializer="he_normal")

    def build(self, input_shape: Any) -> None:
        """Creates the weights for frames of shape `(B, height, width, 3)`."""
        shape = tuple(input_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.project.build(self.flatten.compute_output_shape(shape))

    def call(self, frames: Tensor) -> Tensor:
        """Returns the features of each frame."""
        hidden = self.scale(frames)
        for convolution in self.convolutions:
            hidden = convolution(hidden)
        return self.project(self.flatten(hidden))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """Returns `(B, features)`."""
        return (input_shape[0], self.features)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"filters": self.filters, "features": self.features}
