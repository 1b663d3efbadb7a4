"""The Liquid Attention Network with one rate for all pairs."""

from typing import Any

import keras
from keras import ops

from models.lan import LAN

Tensor = Any


@keras.saving.register_keras_serializable(package="liquid_drive_experiments")
class ConstantRateLAN(LAN):
    """A Liquid Attention Network whose rate tau is ln 2 for all pairs, where that of a new layer starts."""

    def build(self, input_shape: Any) -> None:
        """Creates the weights; those of the rate stay zero."""
        super().build(input_shape)
        for layer in (self.tau_in, self.tau_out):
            layer.kernel.assign(ops.zeros_like(layer.kernel))
            layer.trainable = False
