import cv2
import numpy as np

from sim_bridges.carracing.environment import make_environment
from training.carracing.mirror import mirror_commands, mirror_images
from training.carracing.recipe import PREPROCESSING


def test_mirroring_twice_changes_nothing():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64, 3)).astype(np.uint8)
    np.testing.assert_array_equal(mirror_images(mirror_images(images)), images)
    commands = np.array([[0.3, 0.2, 0.1]], np.float32)
    np.testing.assert_allclose(mirror_commands(commands), [[-0.3, 0.2, 0.1]])


def frame_after_steering(steering: float) -> np.ndarray:
    environment = make_environment()
    environment.reset(seed=5)
    for _ in range(55):
        environment.step(np.array([0.0, 0.1, 0.0], np.float32))
    for _ in range(4):
        image, *_ = environment.step(np.array([steering, 0.1, 0.0], np.float32))
    return PREPROCESSING(image)


def test_gauges_look_as_after_the_opposite_steering():
    right, left = frame_after_steering(0.3), frame_after_steering(-0.3)
    strip = slice(56, 64)
    bars = slice(24, 56)
    as_right = np.abs(left[strip, bars].astype(int) - right[strip, bars]).mean()
    as_mirrored = np.abs(mirror_images(left)[strip, bars].astype(int) - right[strip, bars]).mean()
    assert as_mirrored < 0.1 * as_right


def test_road_is_flipped():
    frame = frame_after_steering(0.3)
    np.testing.assert_array_equal(mirror_images(frame)[:56], cv2.flip(frame[:56], 1))
