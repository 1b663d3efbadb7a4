"""What a car would see that stands beside the recorded one: frames warped as if the road were flat."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.replay.camera import FRONT

Image = NDArray[np.uint8]

BONNET_ROW = 135
"""From this row on, the car's own bonnet covers most of a frame: it moves with the camera."""

SIDES_M = {"left": -FRONT.side_m, "center": 0.0, "right": FRONT.side_m}
"""How far to the right of the center camera each recorded camera stands."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Where a camera stands, as seen from another.

    Attributes:
        right_m: Metres to its right.
        ahead_m: Metres ahead of it.
        turn_rad: Turned to the right by this angle.
    """

    right_m: float
    ahead_m: float
    turn_rad: float


def nearest_camera(right_m: float) -> str:
    """Returns which recorded camera stands nearest to a place, given in metres to the right of the center."""
    return min(SIDES_M, key=lambda name: abs(right_m - SIDES_M[name]))


def synthesize(views: Sequence[tuple[Image, Shift]]) -> Image:
    """Returns what a camera sees above the bonnet, RGB, uint8, shape `(135, 320, 3)`.

    The road is warped by its plane, all above the horizon by rotation alone.

    Args:
        views: Recorded frames, RGB, uint8, shape `(160, 320, 3)`, best first, each with where the new camera
            stands, seen from the one that took the frame. A later frame fills what the earlier do not show;
            beyond the last one, its edge goes on.
    """
    horizon = int(np.ceil(FRONT.horizon_row))
    result = np.empty((BONNET_ROW, FRONT.width, 3), np.uint8)
    border = cv2.BORDER_REPLICATE
    for image, shift in reversed(views):
        road, far = FRONT.homographies(shift.right_m, shift.ahead_m, shift.turn_rad)
        scene = image[:BONNET_ROW]
        _warp(scene, far, 0, result[:horizon], border)
        _warp(scene, road, horizon, result[horizon:], border)
        border = cv2.BORDER_TRANSPARENT
    return result


def _warp(scene: Image, matrix: NDArray[np.float64], first: int, target: Image, border: int) -> None:
    """Fills the target, whose first row is row `first` of the new frame."""
    down = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, first], [0.0, 0.0, 1.0]])
    size = (target.shape[1], target.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpPerspective(scene, matrix @ down, size, dst=target, flags=flags, borderMode=border)
