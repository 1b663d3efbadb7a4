"""The layers LAN and NAC of the package keras-nac, as it ships them.

Under their default selection of the 8 best keys neither takes a padding mask (LAN adds a mask of all keys to
the logits of the selected ones, NAC gathers it along the wrong axis), so padded and missing steps are zeros.
"""

from typing import Any

from keras import ops

from training.experiments.signals import Signal
from training.experiments.study import Contender, Size

Tensor = Any

PACKAGE = "keras_nac"


def _known(signal: Signal) -> Tensor:
    return signal.features * ops.cast(ops.swapaxes(signal.keys(), 1, 2), signal.features.dtype)


def _lan(signal: Signal, size: Size, every_step: bool) -> Tensor:
    from keras_nac.layers import LAN

    return LAN(size.units, size.heads, return_sequences=every_step)(_known(signal))


def _nac(signal: Signal, size: Size, every_step: bool) -> Tensor:
    from keras_nac.layers import NAC

    layer = NAC(size.units, size.heads, return_sequences=every_step)
    return layer([_known(signal), signal.times / size.time_scale])


NAC_LAN = Contender("LAN of keras-nac", _lan, jit=False, requires=PACKAGE)
NAC = Contender("NAC of keras-nac", _nac, jit=False, requires=PACKAGE)
