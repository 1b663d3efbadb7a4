"""Recurrent layers that read the elapsed time as one more feature."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

Tensor = Any
Mix = Callable[[Signal, Size, bool], Tensor]


def both_ways(run: Callable[[Signal, int, Size, bool], Tensor]) -> Mix:
    """Returns a layer that runs forwards, and for an output at each step also backwards, at half the width.

    Args:
        run: Builds it: from a signal, the number of units, the size and whether an output is wanted at each
            step.
    """

    def mix(signal: Signal, size: Size, every_step: bool) -> Tensor:
        if not every_step:
            return run(signal, size.units, size, False)
        forwards = run(signal, size.units // 2, size, True)
        backwards = ops.flip(run(signal.backwards(), size.units // 2, size, True), axis=1)
        return ops.concatenate([forwards, backwards], axis=-1)

    return mix


def recurrent(layer: Callable[..., keras.layers.RNN]) -> Mix:
    """Returns a recurrent Keras layer that reads features and the time since the step before."""

    def run(signal: Signal, units: int, size: Size, every_step: bool) -> Tensor:
        features = ops.concatenate([signal.features, signal.gaps() / size.time_scale], axis=-1)
        return layer(units, return_sequences=every_step)(features, mask=signal.valid)

    return both_ways(run)


SIMPLE_RNN = Contender("SimpleRNN", recurrent(keras.layers.SimpleRNN))
LSTM = Contender("LSTM", recurrent(keras.layers.LSTM))
GRU = Contender("GRU", recurrent(keras.layers.GRU))
