import numpy as np
import pytest

from sim_bridges.udacity.recording import read_recording
from sim_bridges.udacity.replay.camera import FRONT
from sim_bridges.udacity.replay.scene import Scene
from sim_bridges.udacity.replay.view import SIDES_M, Shift, nearest_camera, synthesize
from tests.sim_bridges.udacity.drawn_recording import (
    DrawnWorld,
    draw_recording,
    real_recording,
    winding_drive,
)

ROAD_ROWS = slice(70, 130)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean difference of the road's pixels."""
    return float(np.abs(first[ROAD_ROWS].astype(float) - second[ROAD_ROWS]).mean())


def test_a_camera_that_did_not_move_sees_the_same():
    image = np.random.default_rng(0).integers(0, 255, (160, 320, 3), np.uint8)
    assert np.abs(synthesize([(image, Shift(0, 0, 0))]).astype(int) - image[:135]).max() <= 1


@pytest.mark.parametrize(
    ("right_m", "camera"), [(-3, "left"), (-0.5, "left"), (0.3, "center"), (0.5, "right"), (2, "right")]
)
def test_the_nearest_camera_is_taken(right_m, camera):
    assert nearest_camera(right_m) == camera


@pytest.mark.parametrize(
    ("right_m", "ahead_m", "turn_rad"), [(1.5, 0.0, 0.0), (-1.5, 0.4, 0.1), (2.0, 0.0, -0.15)]
)
def test_a_flat_world_is_seen_from_elsewhere_as_it_is(right_m, ahead_m, turn_rad):
    drive = winding_drive()
    world = DrawnWorld(drive.path)
    recorded, elsewhere = drive.path.pose(30), drive.path.pose(30).moved(right_m, ahead_m, turn_rad)
    ahead = elsewhere.moved(ahead_m=FRONT.forward_m)
    shift = Shift(*ahead.seen_from(recorded.moved(ahead_m=FRONT.forward_m)))
    truth, source = world.frame(elsewhere), world.frame(recorded)
    middle = (slice(None), slice(70, 250))
    made = synthesize([(source, shift)])
    assert difference(made[middle], truth[middle]) < 0.5 * difference(source[middle], truth[middle])


def test_what_one_frame_does_not_show_an_earlier_one_fills_in(tmp_path):
    drive = winding_drive()
    world = DrawnWorld(drive.path)
    scene = Scene(read_recording(draw_recording(tmp_path / "drawn", drive)))
    pose = scene.path.pose(25).moved(0.0, 0.0, 0.35)
    filled = scene.frame(pose, 25)
    alone = synthesize([(scene.recording.image(25), Shift(0, 0, 0.35))])
    truth = world.frame(pose)
    right = (slice(None), slice(260, 320))
    assert difference(filled[right], truth[right]) < 0.7 * difference(alone[right], truth[right])


def test_a_missing_side_image_is_replaced_by_the_center_one(tmp_path):
    folder = draw_recording(tmp_path / "drawn", winding_drive(frames=30))
    for path in (folder / "IMG").glob("right_*"):
        path.unlink()
    scene = Scene(read_recording(folder))
    assert scene.frame(scene.path.pose(10).moved(right_m=1.0), 10).shape == (160, 320, 3)


@pytest.mark.slow
def test_the_real_right_camera_is_seen_from_the_center_one():
    """Warping explains most of the difference between the cameras; what remains is texture."""
    recording = read_recording(real_recording())
    made, still = [], []
    for index in range(100, 2000, 100):
        center = recording.image(index)
        for camera in ("left", "right"):
            truth = recording.image(index, camera)
            made.append(difference(synthesize([(center, Shift(SIDES_M[camera], 0, 0))]), truth))
            still.append(difference(center, truth))
    assert np.mean(made) < 0.6 * np.mean(still)
