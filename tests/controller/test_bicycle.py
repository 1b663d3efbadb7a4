"""The kinematic bicycle against its formula: curvature = tan(wheel angle) / wheelbase."""

import math

import numpy as np
import pytest

from controller.bicycle import Bicycle

BICYCLE = Bicycle(wheelbase_m=3.0, lock_deg=30.0)


def test_curvature_is_the_tangent_of_the_wheels_angle_by_the_wheelbase():
    assert BICYCLE.curvature_per_m(1.0) == pytest.approx(1 / math.sqrt(3) / 3.0)
    assert BICYCLE.curvature_per_m(-0.5) == pytest.approx(-math.tan(math.radians(15)) / 3.0)


def test_the_steering_of_a_tighter_turn_than_the_lock_allows_is_beyond_1():
    assert BICYCLE.steering(1 / 3.0) == pytest.approx(45 / 30)
    assert BICYCLE.steering(-1 / 3.0) == pytest.approx(-45 / 30)


def test_whole_drives_are_computed_at_once():
    steering = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(BICYCLE.steering(BICYCLE.curvature_per_m(steering)), steering, atol=1e-12)
