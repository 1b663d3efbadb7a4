import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_bridges.udacity.vehicle import (
    BICYCLE,
    TOP_SPEED_MPS,
    Pose,
    Vehicle,
    steering_for,
)

metres = st.floats(-1e3, 1e3)
angles = st.floats(-3.0, 3.0)


@given(metres, metres, angles, metres, metres, angles)
def test_a_pose_is_seen_where_it_was_moved_to(east, north, heading, right, ahead, turn):
    pose = Pose(east, north, heading)
    assert pose.moved(right, ahead, turn).seen_from(pose) == pytest.approx((right, ahead, turn), abs=1e-6)


def test_right_is_to_the_east_for_a_car_that_points_north():
    assert Pose(0, 0, 0).moved(right_m=2.0) == Pose(2.0, 0.0, 0.0)
    assert Pose(0, 0, 0).moved(ahead_m=3.0) == Pose(0.0, 3.0, 0.0)


@given(st.floats(-1.0, 1.0))
def test_steering_and_curvature_are_each_others_inverse(steering):
    assert steering_for(BICYCLE.curvature_per_m(steering)) == pytest.approx(steering, abs=1e-9)


def test_full_lock_drives_the_circle_of_its_wheelbase():
    vehicle = Vehicle(Pose(0, 0, 0), 5.0)
    radius_m = BICYCLE.wheelbase_m / np.tan(np.radians(BICYCLE.lock_deg))
    driven_m, highest_north_m = 0.0, 0.0
    while driven_m < np.pi * radius_m:
        pose = vehicle.pose.steered(1.0, 0.01)
        driven_m += 0.01
        highest_north_m = max(highest_north_m, pose.y_m)
        vehicle = Vehicle(pose, 5.0)
    assert vehicle.pose.x_m == pytest.approx(2 * radius_m, abs=0.05)
    assert vehicle.pose.y_m == pytest.approx(0.0, abs=0.05)
    assert highest_north_m == pytest.approx(radius_m, abs=0.05)


def test_a_negative_throttle_brakes_and_then_drives_backwards():
    vehicle = Vehicle(Pose(0, 0, 0), 10.0)
    speeds = []
    for _ in range(400):
        vehicle = vehicle.driven(0.0, -1.0, 0.01)
        speeds.append(vehicle.speed_mps)
    assert speeds[-1] < 0
    assert all(np.diff(speeds) <= 0)
    assert speeds[50] < 10.0 - 2.0


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_no_throttle_makes_it_faster_than_the_top_speed(throttles):
    vehicle = Vehicle(Pose(0, 0, 0), 12.0)
    for throttle in throttles:
        vehicle = vehicle.driven(0.0, throttle, 0.1)
        assert abs(vehicle.speed_mps) <= TOP_SPEED_MPS


def test_a_rolling_car_slows_down_but_never_turns_round():
    vehicle = Vehicle(Pose(0, 0, 0), 10.0)
    for _ in range(3000):
        vehicle = vehicle.driven(0.0, 0.0, 0.01)
    assert 0 <= vehicle.speed_mps < 0.1
