import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_bridges.udacity.replay.camera import FRONT


@given(st.floats(-8, 8), st.floats(2, 60))
def test_a_pixel_sees_the_road_point_that_it_shows(right_m, ahead_m):
    pixel = FRONT.project(np.array([right_m]), np.array([ahead_m]))
    seen = FRONT.ground(*pixel)
    assert np.ravel(seen) == pytest.approx([right_m, ahead_m], rel=1e-6, abs=1e-6)


def test_far_points_lie_on_the_horizon():
    _, rows = FRONT.project(np.array([0.0]), np.array([1e7]))
    assert rows[0] == pytest.approx(FRONT.horizon_row, abs=1e-3)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-0.3, 0.3), st.floats(-5, 5), st.floats(6, 40))
def test_a_homography_leads_from_the_moved_cameras_pixel_to_this_ones(right, ahead, turn, x, z):
    """The same road point, projected by both cameras."""
    road, _ = FRONT.homographies(right, ahead, turn)
    cos, sin = np.cos(turn), np.sin(turn)
    here = (right + x * cos + z * sin, ahead - x * sin + z * cos)
    there = np.array([*FRONT.project(np.array([x]), np.array([z])), [1.0]]).ravel()
    found = road @ there
    wanted = np.ravel(FRONT.project(np.array([here[0]]), np.array([here[1]])))
    assert found[:2] / found[2] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_road_and_far_field_agree_at_the_horizon():
    road, far = FRONT.homographies(1.5, 0.5, 0.2)
    for column in (0.0, 160.0, 319.0):
        pixel = np.array([column, FRONT.horizon_row, 1.0])
        by_road, by_rotation = road @ pixel, far @ pixel
        assert by_road[:2] / by_road[2] == pytest.approx(by_rotation[:2] / by_rotation[2], abs=1e-6)
