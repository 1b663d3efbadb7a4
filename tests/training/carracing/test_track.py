import math

import numpy as np
import pytest

from training.carracing.styles import STYLES
from training.carracing.track import Line, smooth_line, speed_profile


def circle(radius_m: float, count: int = 200) -> list[tuple[float, float, float, float]]:
    """A circular track, driven counter-clockwise as the environment's are."""
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return [(a, a, radius_m * math.cos(a), radius_m * math.sin(a)) for a in angles]


def stadium(
    straight_m: float, radius_m: float, step_m: float = 3.5
) -> list[tuple[float, float, float, float]]:
    """Two straights joined by half circles."""
    half_turn = math.pi * radius_m
    total = 2 * (straight_m + half_turn)
    track = []
    for s in np.arange(0, total, total / round(total / step_m)):
        lap_half, along = divmod(s, straight_m + half_turn)
        if along < straight_m:
            x, y, heading = radius_m, along - straight_m / 2, 0.0
        else:
            heading = (along - straight_m) / radius_m
            x, y = radius_m * math.cos(heading), straight_m / 2 + radius_m * math.sin(heading)
        if lap_half:
            x, y, heading = -x, -y, heading + math.pi
        track.append((0.0, heading, x, y))
    return track


def bending(line: Line) -> float:
    """What the line is to have little of: the sum of its squared second differences."""
    points = line.points
    return float(np.square(np.roll(points, 1, axis=0) - 2 * points + np.roll(points, -1, axis=0)).sum())


def test_curvature_of_a_circle_is_its_inverse_radius():
    line = smooth_line(circle(80.0), centring=1e3, half_width_m=5.0)
    np.testing.assert_allclose(line.curvature, 1 / 80, rtol=1e-3)
    assert line.gaps.sum() == pytest.approx(2 * math.pi * 80, rel=1e-3)


def test_weak_centring_cuts_the_corner():
    track = stadium(100.0, 20.0)
    centre = np.array(track)[:, 2:]
    near = smooth_line(track, centring=1.0, half_width_m=20.0)
    far = smooth_line(track, centring=1e-3, half_width_m=20.0)
    assert bending(far) < 0.6 * bending(near)
    assert np.linalg.norm(far.points - centre, axis=1).max() > 1.0


def test_the_line_stays_on_the_road():
    track = stadium(150.0, 12.0)
    centre = np.array(track)[:, 2:]
    free = smooth_line(track, centring=1e-3, half_width_m=100.0)
    kept = smooth_line(track, centring=1e-3, half_width_m=3.0)
    assert np.linalg.norm(free.points - centre, axis=1).max() > 4.5
    assert np.linalg.norm(kept.points - centre, axis=1).max() < 4.0


def test_speed_never_asks_for_more_grip_or_braking_than_there_is():
    style = STYLES[0.0]
    line = smooth_line(stadium(200.0, 15.0), style.centring, style.half_width_m)
    speeds = speed_profile(line, style)
    assert speeds.max() <= style.top_speed_mps
    assert (speeds**2 * np.abs(line.curvature) <= style.lateral_mps2 * 1.0001).all()
    following = np.roll(speeds, -1)
    deceleration = (speeds**2 - following**2) / (2 * line.gaps)
    assert deceleration.max() <= style.braking_mps2 * 1.0001
    assert speeds.max() > 1.5 * speeds.min()
