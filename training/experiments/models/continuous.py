"""Recurrent layers whose state follows a differential equation: CfC and LTC, from the package ncps."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from training.experiments.models.recurrent import Mix, both_ways
from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

Tensor = Any

SHORTEST_GAP = 1e-3
"""In time scales: LTC divides by the elapsed time."""


def _continuous(cell: Callable[[int], keras.layers.Layer]) -> Mix:
    def run(signal: Signal, units: int, size: Size, every_step: bool) -> Tensor:
        elapsed = ops.maximum(signal.gaps() / size.time_scale, SHORTEST_GAP)
        inputs = ops.concatenate([signal.features, elapsed], axis=-1)
        layer = keras.layers.RNN(cell(units), return_sequences=every_step)
        return layer(inputs, mask=signal.valid)

    return both_ways(run)


def _cfc(units: int) -> keras.layers.Layer:
    from training.experiments.models.timed_cells import TimedCfCCell

    return TimedCfCCell(units, backbone_units=units, backbone_layers=1, backbone_dropout=0.0)


def _ltc(units: int) -> keras.layers.Layer:
    from ncps.wirings import FullyConnected

    from training.experiments.models.timed_cells import TimedLTCCell

    return TimedLTCCell(FullyConnected(units))


CFC = Contender("CfC", _continuous(_cfc), jit=False, requires="ncps")
LTC = Contender("LTC", _continuous(_ltc), requires="ncps")
