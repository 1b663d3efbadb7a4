"""SIGTERM and SIGINT stop the service in good order."""

import signal
from collections.abc import Callable
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals(request_stop: Callable[[], None]) -> None:
    """Has SIGTERM and SIGINT call a function once; a second signal ends the process as usual."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        request_stop()

    for number in _SIGNALS:
        signal.signal(number, on_signal)
