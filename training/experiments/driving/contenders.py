"""Who takes the wheel."""

from typing import Any

import keras

from training.experiments.models.attention import LAN_PUBLISHED, MEAN, SOFTMAX, SOFTMAX_TIMED, lan, timed
from training.experiments.models.continuous import CFC
from training.experiments.models.recurrent import GRU
from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

WINDOW = 8
SIZE = Size(units=128, heads=4, time_scale=0.1)
"""As in the policies that drive."""

_policy_lan = lan(phi_hidden=32, gate_activation="tanh")


def _single(signal: Signal, size: Size, _every_step: bool) -> Any:
    """The newest frame alone, through as many projections as in mean pooling."""
    return keras.layers.Dense(size.units)(keras.layers.Dense(size.units)(signal.features[:, -1]))


LAN_ELAPSED = Contender("LAN, elapsed", _policy_lan)
LAN_TIMED = Contender("LAN, elapsed + time code", timed(_policy_lan))
SINGLE = Contender("single frame", _single)

DRIVERS = (LAN_ELAPSED, LAN_TIMED, LAN_PUBLISHED, SOFTMAX, SOFTMAX_TIMED, CFC, GRU, MEAN, SINGLE)
BY_NAME = {contender.name: contender for contender in DRIVERS}
