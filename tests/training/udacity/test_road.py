import numpy as np
import pytest

from sim_bridges.udacity.recording import read_recording
from sim_bridges.udacity.replay.camera import Camera
from tests.sim_bridges.udacity.drawn_recording import real_recording
from training.udacity.road import right_of_centre_m


def test_the_side_cameras_keep_as_far_beside_the_center_one_as_they_are_mounted():
    part = read_recording(real_recording()).select(12, 500)
    left, center, right = (right_of_centre_m(part, camera) for camera in ("left", "center", "right"))
    assert center - left == pytest.approx(Camera().side_m, abs=0.2)
    assert right - center == pytest.approx(Camera().side_m, abs=0.2)


def test_without_edges_in_sight_the_car_counts_as_in_the_middle(recording):
    nothing = recording.take(np.arange(0))
    assert right_of_centre_m(nothing) == 0.0
