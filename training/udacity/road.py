"""Where on the road a driver keeps, from the edges of the asphalt in the frames."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.recording import Recording
from sim_bridges.udacity.replay.camera import FRONT

STRIDE = 4
"""One frame in so many is looked at."""

AHEAD_M = np.arange(6.0, 8.1, 0.5)
"""Where the road is looked across: near enough to be level, far enough for the camera to see both edges."""

ACROSS_M = np.arange(-9.0, 9.05, 0.1)
GREYEST = 22
"""Asphalt's colours differ by at most this; the lines, kerbs and sand beside it are yellow, red or brown."""

BRIGHTNESS = (50, 150)
GAP = 3
"""So many points in a row that are no asphalt are an edge, fewer are a stain."""

WIDTH_M = (4.0, 9.0)
"""Narrower or wider is no road that was seen from edge to edge."""

Bools = NDArray[np.bool_]


def right_of_centre_m(recording: Recording, camera: str = "center") -> float:
    """Returns how far to the right of the road's centre the car keeps, in metres: the median over frames.

    Returns 0 where no frame shows both edges of the road.

    Args:
        recording: The recording.
        camera: The camera whose place on the road is told.
    """
    indices = [index for index in range(0, len(recording), STRIDE) if recording.images[camera][index]]
    places = [_place_m(recording.image(index, camera)) for index in indices]
    seen = [place for place in places if place is not None]
    return float(np.median(seen)) if seen else 0.0


def _place_m(frame: NDArray[np.uint8]) -> float | None:
    """Returns the camera's place to the right of the road's centre, None where an edge is not seen."""
    columns, rows = FRONT.project(*np.meshgrid(ACROSS_M, AHEAD_M))
    colours = cv2.remap(frame, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    brightest, darkest = colours.max(axis=-1).astype(int), colours.min(axis=-1).astype(int)
    grey = (brightest - darkest < GREYEST) & (brightest > BRIGHTNESS[0]) & (brightest < BRIGHTNESS[1])
    visible = (columns > 0) & (columns < FRONT.width - 1)
    middle = len(ACROSS_M) // 2
    left = [_edge_m(*side) for side in zip(grey[:, middle::-1], visible[:, middle::-1], strict=True)]
    right = [_edge_m(*side) for side in zip(grey[:, middle:], visible[:, middle:], strict=True)]
    left_m, right_m = np.median(left), np.median(right)
    if not WIDTH_M[0] < left_m + right_m < WIDTH_M[1]:
        return None
    return float(left_m - right_m) / 2


def _edge_m(asphalt: Bools, visible: Bools) -> float:
    """Returns the distance from the first point, outwards, at which the asphalt ends; infinite if unseen."""
    ends = np.convolve(~asphalt, np.ones(GAP), "valid") >= GAP
    first = int(np.argmax(ends))
    return first * (ACROSS_M[1] - ACROSS_M[0]) if ends[first] and visible[first] else np.inf
