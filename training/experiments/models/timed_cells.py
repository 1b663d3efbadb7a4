"""The cells of ncps with the elapsed time as their last feature.

They take the elapsed time as a second input, which recurrent layers of Keras 3 do not hand on.
"""

from typing import Any

from ncps.keras import CfCCell, LTCCell

Tensor = Any


class TimedCfCCell(CfCCell):
    """A closed-form continuous-time cell (Hasani et al. 2022)."""

    def build(self, input_shape: Any) -> None:
        """Creates the weights for all features but the last."""
        super().build((None, input_shape[-1] - 1))

    def call(self, inputs: Tensor, states: list[Tensor], training: bool = False) -> Any:
        """Advances by the time in the last feature."""
        return super().call((inputs[:, :-1], inputs[:, -1:]), states)


class TimedLTCCell(LTCCell):
    """A liquid time-constant cell (Hasani et al. 2021).

    The parent's own call maps the pair of inputs and elapsed time as if it were the inputs alone, which
    fails, so the steps of that call are repeated here.
    """

    def build(self, input_shape: Any) -> None:
        """Creates the weights for all features but the last."""
        super().build((None, input_shape[-1] - 1))

    def call(self, inputs: Tensor, states: list[Tensor], training: bool = False) -> Any:
        """Advances by the time in the last feature."""
        state = self._ode_solver(self._map_inputs(inputs[:, :-1]), states[0], inputs[:, -1:])
        return self._map_outputs(state), [state]
