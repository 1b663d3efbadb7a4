import numpy as np
import pytest

from sim_bridges.udacity.replay.scene import Scene
from training.udacity.drive import Disturbance, Drives, roll_out
from training.udacity.expert import LOOK_AHEAD_M
from training.udacity.recipe import PREPROCESSING


@pytest.fixture(scope="module")
def scene(recording):
    return Scene(recording)


def odds(scene: Scene) -> np.ndarray:
    weights = np.zeros(len(scene.path))
    weights[5:20] = 1 / 15
    return weights


def drive(scene: Scene, seed: int, disturbance: Disturbance | None = None) -> Drives:
    return roll_out(scene, PREPROCESSING, odds(scene), 12, np.random.default_rng(seed), 0.0, disturbance)


def test_a_drive_holds_what_the_network_needs(scene):
    made = drive(scene, 0)
    assert made.images.shape == (1, 12, 40, 160, 3)
    assert made.images.dtype == np.uint8
    assert np.all(np.diff(made.times_s) > 0)
    assert np.all(np.abs(made.steering) <= 1)
    assert made.poses.shape == (1, 12, 3)


def test_the_seed_decides_everything(scene):
    first, second, other = drive(scene, 1), drive(scene, 1), drive(scene, 2)
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.steering, second.steering)
    assert not np.array_equal(first.steering, other.steering)


def test_without_disturbance_the_frames_are_those_of_the_line(scene):
    calm = Disturbance(
        offset_m=0, turn_rad=0, steering=0, jitter=0, speeds_mps=(10, 10), intervals_s=(0.07, 0.07)
    )
    made = drive(scene, 3, calm)
    path = scene.path
    first = int(np.argmin(np.hypot(path.x_m - made.poses[0, 0, 0], path.y_m - made.poses[0, 0, 1])))
    for index in (0, 6, 11):
        recorded = PREPROCESSING(scene.recording.image(first + index)).astype(int)
        assert np.abs(made.images[0, index] - recorded).mean() < 6


def test_the_advice_never_aims_beyond_the_end_of_the_line(scene):
    path = scene.path
    start = int(np.searchsorted(path.distance_m, path.distance_m[-1] - LOOK_AHEAD_M - 20)) - 1
    fast = Disturbance(speeds_mps=(13.4, 13.4), intervals_s=(0.12, 0.12))
    for seed in range(4):
        made = roll_out(
            scene, PREPROCESSING, np.eye(len(path))[start], 24, np.random.default_rng(seed), 0, fast
        )
        east, north, _ = made.poses[0, -1]
        end = int(np.argmin(np.hypot(path.x_m - east, path.y_m - north)))
        assert path.distance_m[start] + 10 < path.distance_m[end] < path.distance_m[-1] - LOOK_AHEAD_M + 0.5


def test_the_start_is_as_far_off_as_told_and_no_further(scene):
    wild = Disturbance(offset_m=1e5, most_offset_m=1.5, turn_rad=0)
    starts = [drive(scene, seed, wild).poses[0, 0] for seed in range(8)]
    path = scene.path
    for east, north, _ in starts:
        assert np.hypot(path.x_m - east, path.y_m - north).min() == pytest.approx(1.5, abs=0.1)


def test_who_keeps_to_the_centre_gets_the_opposite_advice_for_the_mirror_image(scene):
    made = drive(scene, 0)
    assert np.array_equal(made.mirrored, -made.steering)


def test_who_keeps_to_the_right_keeps_to_the_right_of_the_mirrored_road_too(scene):
    calm = Disturbance(offset_m=0, turn_rad=0, steering=0)
    made = [
        roll_out(scene, PREPROCESSING, odds(scene), 12, np.random.default_rng(seed), 0.4, calm)
        for seed in range(8)
    ]
    # At the start the car is on the line, and the mirror image's line lies to its left.
    assert all(each.mirrored[0, 0] > -each.steering[0, 0] + 0.05 for each in made)
    ends = [each.poses[0, -1] for each in made]
    beside_m = [np.hypot(scene.path.x_m - x, scene.path.y_m - y).min() for x, y, _ in ends]
    assert min(beside_m) < 0.15
    assert max(beside_m) > 0.3


def test_drives_survive_saving(scene, tmp_path):
    each = [drive(scene, 0), drive(scene, 1)]
    made = Drives.joined(iter(each), 2)
    assert all(np.array_equal(made.images[number], each[number].images[0]) for number in range(2))
    made.save(tmp_path / "drives" / "0.npz")
    loaded = Drives.load(tmp_path / "drives" / "0.npz")
    assert np.array_equal(loaded.images, made.images)
    assert np.array_equal(loaded.times_s, made.times_s)
    assert np.array_equal(loaded.mirrored, made.mirrored)
    assert not list(tmp_path.rglob("partial-*"))
