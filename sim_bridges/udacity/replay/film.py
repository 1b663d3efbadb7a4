"""A film of drives: what the camera sees, what the network sees of it, and the steering."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from models.preprocessing import Preprocessing
from sim_bridges.udacity.dialect import MPS_PER_MPH
from sim_bridges.udacity.replay.trip import Image, Trip
from sim_bridges.video import Video, filming

WIDTH = 640
CAMERA_HEIGHT = 320
PANEL_HEIGHT = 120
MARGIN = 10
PENDING_MAX = 100
"""Pictures that may wait to be made; a drive that is faster than its film waits for it."""

_WHITE = (235, 235, 235)
_GREY = (90, 90, 90)
_BLUE = (90, 160, 255)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a picture of the film shows.

    Attributes:
        image: What the camera sees, RGB, uint8, shape `(160, 320, 3)`.
        steering: -1 to 1.
        lines: What else to tell.
    """

    image: Image
    steering: float
    lines: tuple[str, ...]

    @classmethod
    def of(cls, image: Image, trip: Trip) -> "Moment":
        """Returns the present moment of a trip."""
        place = trip.world.place
        lines = (
            f"{trip.world.vehicle.speed_mps / MPS_PER_MPH:4.1f} mph   {place.distance_m:6.1f} m",
            f"{place.offset_m:+.2f} m beside the recorded line",
            f"{len(trip.world.interventions)} interventions",
        )
        return cls(image, trip.steering, lines)


@contextmanager
def filming_drives(path: Path, frame_s: float, preprocessing: Preprocessing | None) -> "Iterator[Film]":
    """Yields a film of drives, which is written in the end.

    Args:
        path: A .gif or .mp4 file.
        frame_s: Time between two frames.
        preprocessing: From a camera frame to the network's input; None where it is not known.

    Raises:
        UserError: The file cannot be written.
    """
    with filming(path, 1 / frame_s) as video, ThreadPoolExecutor(1) as thread:
        film = Film(video, frame_s, preprocessing, thread)
        try:
            yield film
            film.finish()
        finally:
            # Who stops early waits for no picture.
            thread.shutdown(cancel_futures=True)


class Film:
    """Films drives that follow each other, on a thread of its own beside the drives.

    Args:
        video: Where the pictures go.
        frame_s: Time between two frames; for frames that are left out, the one before stays.
        preprocessing: From a camera frame to the network's input; None where it is not known.
        thread: Makes the pictures, one after the other.
    """

    def __init__(
        self, video: Video, frame_s: float, preprocessing: Preprocessing | None, thread: Executor
    ) -> None:
        self._video = video
        self._frame_s = frame_s
        self._preprocessing = preprocessing
        self._trip: Trip | None = None
        self._frames = 0
        self._thread = thread
        self._work: deque[Future[None]] = deque()

    def show(self, image: Image, trip: Trip) -> None:
        """Adds the frames of a trip up to this one.

        Raises:
            UserError: An earlier one could not be written.
        """
        if trip is not self._trip:
            self._trip, self._frames = trip, 0
        count = round(trip.time_s / self._frame_s) + 1
        wanted = sum(number % self._video.stride == 0 for number in range(self._frames, count))
        self._frames = max(count, self._frames)
        if wanted:
            if len(self._work) == PENDING_MAX:
                self._work.popleft().result()
            self._work.append(self._thread.submit(self._add, Moment.of(image, trip), wanted))

    def finish(self) -> None:
        """Waits for the pictures that are still to be made.

        Raises:
            UserError: One could not be written.
        """
        for added in self._work:
            added.result()

    def _add(self, moment: Moment, times: int) -> None:
        picture = compose(moment, self._preprocessing)
        for _ in range(times):
            self._video.add(picture)


def compose(moment: Moment, preprocessing: Preprocessing | None) -> Image:
    """Returns a picture of a moment, RGB, shape `(440, 640, 3)`."""
    canvas = np.full((CAMERA_HEIGHT + PANEL_HEIGHT, WIDTH, 3), 25, np.uint8)
    canvas[:CAMERA_HEIGHT] = cv2.resize(moment.image, (WIDTH, CAMERA_HEIGHT), interpolation=cv2.INTER_LINEAR)
    if preprocessing is not None:
        _add_view(canvas, replace(preprocessing, color="rgb")(moment.image))
    _add_steering(canvas, moment.steering)
    for number, line in enumerate(moment.lines):
        at = (WIDTH // 2 + MARGIN, CAMERA_HEIGHT + 58 + 22 * number)
        cv2.putText(canvas, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _WHITE, 1, cv2.LINE_AA)
    return canvas


def _add_view(canvas: Image, view: Image) -> None:
    """Puts the network's input in the lower left, as large as it fits."""
    height, width, _ = view.shape
    scale = min((WIDTH // 2 - MARGIN) / width, (PANEL_HEIGHT - 2 * MARGIN) / height)
    size = (int(width * scale), int(height * scale))
    top = CAMERA_HEIGHT + MARGIN
    shown = cv2.resize(view, size, interpolation=cv2.INTER_NEAREST)
    canvas[top : top + size[1], MARGIN : MARGIN + size[0]] = shown


def _add_steering(canvas: Image, steering: float) -> None:
    """Puts a bar in the lower right that goes from the middle to where the wheels point."""
    left, right, top = WIDTH // 2 + MARGIN, WIDTH - MARGIN, CAMERA_HEIGHT + 14
    middle = (left + right) // 2
    end = middle + round(steering * (right - left) / 2)
    cv2.rectangle(canvas, (left, top), (right, top + 18), _GREY, 1)
    cv2.rectangle(canvas, (min(middle, end), top), (max(middle, end), top + 18), _BLUE, -1)
    cv2.line(canvas, (middle, top - 3), (middle, top + 21), _WHITE, 1)
