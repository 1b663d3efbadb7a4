from dataclasses import astuple

import numpy as np
import pytest

from sim_bridges.udacity.path import DrivenPath
from sim_bridges.udacity.vehicle import BICYCLE


def circle(frames: int = 400) -> DrivenPath:
    time_s = np.arange(frames) * 0.1
    return DrivenPath.integrate(time_s, np.full(frames, 0.3), np.full(frames, 8.0))


def test_a_constant_steering_drives_a_circle():
    path = circle()
    radius_m = 1 / BICYCLE.curvature_per_m(0.3)
    distances = np.hypot(path.x_m - radius_m, path.y_m)
    assert distances == pytest.approx(radius_m, rel=1e-3)
    assert path.distance_m[-1] == pytest.approx(0.8 * 399)


def test_the_nearest_frame_is_looked_for_around_a_frame_only():
    path = circle()
    lap = round(2 * np.pi / BICYCLE.curvature_per_m(0.3) / 0.8)
    assert path.nearest(path.pose(lap + 5), around=lap) == lap + 5
    assert path.nearest(path.pose(lap + 5), around=3) in (5, 4, 6)


def test_how_far_the_nearest_frame_is_looked_for_is_no_matter_of_the_frame_rate():
    """A service records up to sixty frames a second, and 2 m of a slow drive are many of them."""
    frames = 500
    path = DrivenPath.integrate(np.arange(frames) / 60, np.zeros(frames), np.full(frames, 2.0))
    assert path.nearest(path.pose(160), around=100) == 160


def test_the_next_frame_is_found_however_far_away_it_is():
    path = DrivenPath.integrate(np.arange(5) * 0.59, np.zeros(5), np.full(5, 13.4))
    assert path.nearest(path.pose(3), around=2) == 3
    assert path.nearest(path.pose(1), around=2) == 1
    assert path.nearest(path.pose(4).moved(ahead_m=2), around=4) == 4


def test_between_frames_the_line_goes_on():
    path = circle()
    halfway = path.at((path.distance_m[10] + path.distance_m[11]) / 2)
    assert halfway.x_m == pytest.approx((path.x_m[10] + path.x_m[11]) / 2)
    end = path.pose(len(path) - 1)
    assert astuple(path.at(path.distance_m[-1] + 7)) == pytest.approx(astuple(end.moved(ahead_m=7)))
