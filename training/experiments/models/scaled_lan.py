"""The Liquid Attention Network with a factor on its logits."""

from typing import Any

import keras
from keras import ops

from models.equation import Solution
from models.lan import LAN


@keras.saving.register_keras_serializable(package="liquid_drive_experiments")
class ScaledLAN(LAN):
    """A Liquid Attention Network each head of which multiplies its logits by a learned factor.

    With logits that start from zero and are read at a horizon of at most 1, as published, no weight of a row
    can exceed another by more than e; this factor lifts that bound.

    Args:
        *args: As for `LAN`.
        logit_scale: Where the factors start.
        **kwargs: As for `LAN`.
    """

    def __init__(self, *args: Any, logit_scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logit_scale = logit_scale

    def build(self, input_shape: Any) -> None:
        """Creates the weights and the factors."""
        super().build(input_shape)
        self.factors = self.add_weight(
            name="factors",
            shape=(self.num_heads, 1, 1),
            initializer=keras.initializers.Constant(self.logit_scale),
        )

    def _factorises(self, *_: Any) -> bool:
        # The factorised form of the published layer never sees the logits.
        return False

    def _solve(self, *args: Any) -> Solution:
        solution = super()._solve(*args)
        return solution._replace(logits=solution.logits * ops.convert_to_tensor(self.factors))

    def get_config(self) -> dict[str, Any]:
        """Returns all constructor arguments."""
        return super().get_config() | {"logit_scale": self.logit_scale}
