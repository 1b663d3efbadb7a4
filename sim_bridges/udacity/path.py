"""The line that the recorded car drove, from its steering and speed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.vehicle import BICYCLE, Pose

REACH_M = 6.0
"""From one frame to the next a car gets no further than this."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DrivenPath:
    """Poses of the recorded car, one a frame.

    Attributes:
        x_m: Metres to the east of the first frame, shape `(N,)`; the car starts to the north.
        y_m: Metres to the north of it.
        heading_rad: Clockwise from north, not wrapped.
        distance_m: Metres along the line.
    """

    x_m: Floats
    y_m: Floats
    heading_rad: Floats
    distance_m: Floats

    @classmethod
    def integrate(cls, time_s: Floats, steering: Floats, speed_mps: Floats) -> "DrivenPath":
        """Returns the line of a kinematic bicycle that is steered as recorded."""
        ahead_m = np.diff(time_s) * (speed_mps[1:] + speed_mps[:-1]) / 2
        curvature = BICYCLE.curvature_per_m(steering[:-1])
        heading = np.concatenate([[0.0], np.cumsum(curvature * ahead_m)])
        middle = (heading[1:] + heading[:-1]) / 2
        steps = [ahead_m * np.sin(middle), ahead_m * np.cos(middle), ahead_m]
        x, y, distance = (np.concatenate([[0.0], np.cumsum(step)]) for step in steps)
        return cls(x, y, heading, distance)

    def __len__(self) -> int:
        return len(self.x_m)

    def pose(self, index: int) -> Pose:
        """Returns the pose of the car at a frame."""
        return Pose(float(self.x_m[index]), float(self.y_m[index]), float(self.heading_rad[index]))

    def nearest(self, pose: Pose, around: int) -> int:
        """Returns the frame whose pose is nearest, at most `REACH_M` along the line from frame `around`.

        The frames before and after it are looked at however far away they are.
        """
        at_m = self.distance_m[around]
        first = int(np.searchsorted(self.distance_m, at_m - REACH_M))
        stop = int(np.searchsorted(self.distance_m, at_m + REACH_M, side="right"))
        first, stop = min(first, max(around - 1, 0)), max(stop, around + 2)
        square = (self.x_m[first:stop] - pose.x_m) ** 2 + (self.y_m[first:stop] - pose.y_m) ** 2
        return first + int(np.argmin(square))

    def at(self, distance_m: float) -> Pose:
        """Returns the pose at so many metres along the line, which goes straight on beyond its ends."""
        lines = (self.x_m, self.y_m, self.heading_rad)
        pose = Pose(*(float(np.interp(distance_m, self.distance_m, line)) for line in lines))
        beyond_m = distance_m - np.clip(distance_m, self.distance_m[0], self.distance_m[-1])
        return pose.moved(ahead_m=float(beyond_m))
