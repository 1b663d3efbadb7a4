"""One stretch of a recording as a scene: what a camera sees from anywhere near the recorded line."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from sim_bridges.udacity.recording import Recording
from sim_bridges.udacity.replay.camera import FRONT
from sim_bridges.udacity.replay.view import BONNET_ROW, SIDES_M, Image, Shift, nearest_camera, synthesize
from sim_bridges.udacity.vehicle import Pose

CACHED_FRAMES = 64


class Scene:
    """The recorded line, and views from beside it.

    Args:
        recording: Frames of one continuous stretch, at least two.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.path = recording.path()
        self._image = lru_cache(CACHED_FRAMES)(recording.image)

    def frame(self, pose: Pose, index: int) -> Image:
        """Returns the camera's frame, RGB, `(160, 320, 3)`, for a car near the recorded one at frame `index`.

        What the nearest camera did not see there, it or the center camera saw some metres before. The bonnet
        is as the recording shows it.
        """
        shift = self._shift(pose, index)
        side = nearest_camera(shift.right_m)
        views = [self._source(index, side, shift)]
        for camera, before_m in ((side, 6.0), ("center", 12.0)):
            before = int(np.searchsorted(self.path.distance_m, self.path.distance_m[index] - before_m))
            if before < index:
                views.append(self._source(before, camera, self._shift(pose, before)))
        bonnet = self._image(index, "center")[BONNET_ROW:]
        return np.concatenate([synthesize(views), bonnet])

    def _shift(self, pose: Pose, index: int) -> Shift:
        recorded = self.path.pose(index).moved(ahead_m=FRONT.forward_m)
        return Shift(*pose.moved(ahead_m=FRONT.forward_m).seen_from(recorded))

    def _source(self, index: int, camera: str, shift: Shift) -> tuple[Image, Shift]:
        """Returns a frame, the center camera's where there is none of this camera, and the way from it."""
        if self.recording.images[camera][index] is None:
            camera = "center"
        return self._image(index, camera), replace(shift, right_m=shift.right_m - SIDES_M[camera])
