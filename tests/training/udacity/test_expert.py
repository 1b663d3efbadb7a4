import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_bridges.udacity.path import DrivenPath
from training.udacity.expert import advise

SPEED_MPS = 15 * 0.44704
STEP_S = 0.05


def straight(frames: int = 100) -> DrivenPath:
    return DrivenPath.integrate(np.arange(frames) * 0.1, np.zeros(frames), np.full(frames, 10.0))


@given(st.floats(-2.0, 2.0), st.floats(-0.2, 0.2))
def test_the_advice_brings_the_car_back_within_about_two_seconds(offset_m, turn_rad):
    path = straight()
    pose = path.pose(5).moved(offset_m, 0.0, turn_rad)
    for _ in range(round(2.5 / STEP_S)):
        steering = advise(path, pose, pose.y_m)
        assert -1 <= steering <= 1
        pose = pose.steered(steering, SPEED_MPS * STEP_S)
    assert abs(pose.x_m) < 0.4 * abs(offset_m) + 0.35
    for _ in range(round(2.5 / STEP_S)):
        pose = pose.steered(advise(path, pose, pose.y_m), SPEED_MPS * STEP_S)
    assert abs(pose.x_m) < 0.2


def test_on_the_line_the_advice_is_the_line_s_own_steering():
    curve = DrivenPath.integrate(np.arange(100) * 0.1, np.full(100, 0.2), np.full(100, 10.0))
    pose = curve.pose(20)
    assert advise(curve, pose, float(curve.distance_m[20])) == pytest.approx(0.2, abs=0.01)


def test_to_the_right_of_the_line_the_advice_is_left():
    path = straight()
    assert advise(path, path.pose(5).moved(right_m=1.0), float(path.distance_m[5])) < 0
