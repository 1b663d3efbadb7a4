"""The simulator's own side of its dialect: telemetry out, `steer` in, as an English machine has it."""

import base64
import math
import re
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.dialect import MPS_PER_MPH
from sim_bridges.udacity.vehicle import BICYCLE

JPEG_QUALITY = 75

_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?|-?Infinity", re.ASCII)


class UnreadableCommandError(ValueError):
    """A command on which the simulator would swallow its own exception and say nothing any more."""


def write_telemetry(
    steering: float, throttle: float, speed_mps: float, image: NDArray[np.uint8]
) -> dict[str, str]:
    """Returns the payload of a telemetry event.

    Args:
        steering: -1 to 1 as commanded last.
        throttle: -1 to 1 as commanded last; a brake shows as 0.
        speed_mps: Speed in metres per second.
        image: Camera frame, RGB, uint8, shape `(160, 320, 3)`.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return {
        "steering_angle": _n4(steering * BICYCLE.lock_deg),
        "throttle": _n4(max(throttle, 0.0)),
        "speed": _n4(abs(speed_mps) / MPS_PER_MPH),
        "image": base64.b64encode(jpeg.tobytes()).decode(),
    }


def read_command(payload: object) -> tuple[float, float]:
    """Returns steering and throttle of a `steer` event, each within -1..1.

    Raises:
        UnreadableCommandError: A value is missing, no text or no number.
    """
    if not isinstance(payload, Mapping):
        raise UnreadableCommandError(f"the command is {type(payload).__name__}")
    steering, throttle = (_parse(payload, key) for key in ("steering_angle", "throttle"))
    return min(max(steering, -1.0), 1.0), min(max(throttle, -1.0), 1.0)


def _parse(payload: Mapping[str, object], key: str) -> float:
    text = payload.get(key)
    if not isinstance(text, str):
        raise UnreadableCommandError(f"{key} is {type(text).__name__}, not text")
    # Python reads more than .NET does: underscores, other digits, other names of infinity.
    number = text.strip()
    if _NUMBER.fullmatch(number) is None:
        raise UnreadableCommandError(f"{key} is {text!r}")
    value = float(number.replace(",", ""))
    if math.isinf(value) and not number.endswith("Infinity"):
        raise UnreadableCommandError(f"{key} is out of range")
    return value


def _n4(value: float) -> str:
    """Returns a number in .NET's format N4, which knows no negative zero."""
    return f"{round(value, 4) + 0.0:,.4f}"
