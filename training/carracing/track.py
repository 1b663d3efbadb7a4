"""The geometry of a CarRacing track: the line to drive, and how fast each point of it can be driven."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CENTRING_STEPS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A closed line around the track, one point for each tile.

    Attributes:
        points: Positions in metres, shape `(N, 2)`.
        gaps: Distances in metres from each point to the next, shape `(N,)`.
        curvature: Curvature at each point in 1/m, positive to the left, shape `(N,)`.
    """

    points: Array
    gaps: Array
    curvature: Array


class Limits(Protocol):
    """What the tyres hold, as a `DrivingStyle` has it."""

    @property
    def lateral_mps2(self) -> float:
        """Lateral acceleration in corners."""

    @property
    def braking_mps2(self) -> float:
        """Deceleration on straights."""

    @property
    def braking_lateral_mps2(self) -> float:
        """Lateral acceleration at which nothing is left for braking."""

    @property
    def top_speed_mps(self) -> float:
        """Speed on straights."""


def smooth_line(track: list[tuple[float, float, float, float]], centring: float, half_width_m: float) -> Line:
    """Returns the line that trades smoothness against closeness to the centre of the road.

    The offsets n along the road's normals minimise the sum of squared second differences of the line's
    points plus `centring` times the sum of n^2, a linear system. A small `centring` cuts corners. Where that
    leads off the road, the pull to the centre grows until it no longer does.

    Args:
        track: The environment's own `track`: for each tile an angle, the road's heading in rad, x and y in m.
        centring: Weight of the pull towards the centre, per point.
        half_width_m: Largest offset, up to what the last steps of the iteration leave.
    """
    _, heading, x, y = np.array(track).T
    normals = np.stack([np.cos(heading), np.sin(heading)])
    centre = np.stack([x, y])
    identity = np.eye(len(x))
    bend = np.roll(identity, 1, axis=1) - 2 * identity + np.roll(identity, -1, axis=1)
    system, forcing = np.zeros_like(identity), np.zeros(len(x))
    for along, position in zip(normals, centre, strict=True):
        bent = bend * along
        system = system + bent.T @ bent
        forcing = forcing - bent.T @ (bend @ position)
    pull = np.full(len(x), centring)
    for _ in range(CENTRING_STEPS):
        offsets = np.linalg.solve(system + np.diag(pull), forcing)
        pull *= np.maximum(np.abs(offsets) / half_width_m, 1.0)
    return _measure((centre + normals * offsets).T)


def _measure(points: Array) -> Line:
    steps = np.roll(points, -1, axis=0) - points
    gaps = np.linalg.norm(steps, axis=1)
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    turn = (heading - np.roll(heading, 1) + math.pi) % (2 * math.pi) - math.pi
    curvature = turn / (0.5 * (gaps + np.roll(gaps, 1)))
    smooth = 0.25 * np.roll(curvature, 1) + 0.5 * curvature + 0.25 * np.roll(curvature, -1)
    return Line(points, gaps, smooth)


def speed_profile(line: Line, limits: Limits) -> Array:
    """Returns the largest speed in m/s at each point, shape `(N,)`, from which every corner can be taken.

    A corner allows the speed whose lateral acceleration tyres can hold. A backward pass then lowers the
    speeds before corners to what braking inside the friction ellipse can shed.

    Args:
        line: The line to drive.
        limits: What the tyres hold.
    """
    bend = np.abs(line.curvature)
    speeds = np.minimum(np.sqrt(limits.lateral_mps2 / np.maximum(bend, 1e-6)), limits.top_speed_mps).tolist()
    bends, gaps = bend.tolist(), line.gaps.tolist()
    count = len(speeds)
    for index in range(2 * count - 1, -1, -1):
        here, after = index % count, speeds[(index + 1) % count]
        used = min(after * after * bends[here] / limits.braking_lateral_mps2, 1.0)
        braking = limits.braking_mps2 * math.sqrt(1.0 - used * used)
        speeds[here] = min(speeds[here], math.sqrt(after * after + 2 * braking * gaps[here]))
    return np.array(speeds)
