"""GRU-D: a gated recurrent unit whose inputs and state decay while nothing is measured."""

from typing import Any

import keras
from keras import ops

from training.experiments.models.recurrent import both_ways
from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

Tensor = Any


@keras.saving.register_keras_serializable(package="liquid_drive_experiments")
class GRUDCell(keras.layers.Layer):
    """The cell of Che et al. 2018, "Recurrent Neural Networks for Multivariate Time Series with Missing ...".

    With the mask m and the time d since the last measurement, decays are ``g = exp(-max(0, W d + b))``. A
    missing input becomes ``g x_last + (1 - g) x_mean``, where the mean of encoded features is learned; the
    state is multiplied by its own decay; then follows a GRU on the input and the mask.

    Args:
        units: Size of the state.
        features: Number of features F of an input.
        **kwargs: As for every layer.

    Call arguments:
        inputs: Features, the mask and the time since the step before, joined: `(B, F + 2)`.
        states: The hidden state `(B, units)`, the last measured input `(B, F)`, the time since it `(B, 1)`.
    """

    def __init__(self, units: int, features: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.features = units, features
        self.state_size = [units, features, 1]
        self.output_size = units
        self.gru = keras.layers.GRUCell(units, name="gru")
        self.state_decay = keras.layers.Dense(units, name="state_decay")

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        self.input_decay = self.add_weight(
            name="input_decay", shape=(2, self.features), initializer="random_normal"
        )
        self.input_mean = self.add_weight(name="input_mean", shape=(self.features,), initializer="zeros")
        self.state_decay.build((None, 1))
        self.gru.build((None, self.features + 1))

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Returns zeros."""
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """Advances by one step."""
        hidden, last, waited = states
        x, measured, gap = inputs[:, :-2], inputs[:, -2:-1], inputs[:, -1:]
        waited = waited + gap
        decay = ops.exp(-ops.relu(waited * self.input_decay[0] + self.input_decay[1]))
        filled = measured * x + (1 - measured) * (decay * last + (1 - decay) * self.input_mean)
        hidden = hidden * ops.exp(-ops.relu(self.state_decay(waited)))
        output, _ = self.gru(ops.concatenate([filled, measured], axis=-1), [hidden])
        last = measured * x + (1 - measured) * last
        return output, [output, last, waited * (1 - measured)]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"units": self.units, "features": self.features}


def _run(signal: Signal, units: int, size: Size, every_step: bool) -> Tensor:
    measured = ops.cast(signal.observed, signal.features.dtype)[..., None]
    layer = keras.layers.RNN(GRUDCell(units, signal.features.shape[-1]), return_sequences=every_step)
    inputs = ops.concatenate([signal.features, measured, signal.gaps() / size.time_scale], axis=-1)
    return layer(inputs, mask=signal.valid)


GRU_D = Contender("GRU-D", both_ways(_run))
