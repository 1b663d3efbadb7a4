import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.udacity.augment import Augmentation, LightRange
from training.udacity.recipe import PREPROCESSING

ONE = (1.0, 1.0)
NOTHING = LightRange(
    brightness=ONE, tint=ONE, gamma=ONE, saturation=ONE, shadow_share=0.0, blur_share=0.0, noise=(0.0, 0.0)
)
POSES = np.stack([np.zeros(4), np.arange(4.0), np.zeros(4)], -1).astype(np.float32)


def frames(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (4, 40, 160, 3), np.uint8)


def changed(light: LightRange, images: np.ndarray, seed: int = 0) -> np.ndarray:
    return Augmentation(PREPROCESSING, light)(images, POSES, np.random.default_rng(seed))


def replaced(**changes) -> LightRange:
    fields = {name: getattr(NOTHING, name) for name in NOTHING.__dataclass_fields__}
    return LightRange(**(fields | changes))


def test_no_change_changes_nothing():
    assert np.abs(changed(NOTHING, frames()).astype(int) - frames()).max() <= 1


ANY_LIGHT = Augmentation(PREPROCESSING)


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_any_light_gives_frames_of_the_same_kind(seed):
    images = frames(seed)
    result = ANY_LIGHT(images, POSES, np.random.default_rng(seed))
    assert result.shape == images.shape
    assert result.dtype == np.uint8
    assert np.array_equal(result, ANY_LIGHT(images, POSES, np.random.default_rng(seed)))


def test_brightness_scales():
    grey = np.full((4, 40, 160, 3), 100, np.uint8)
    assert changed(replaced(brightness=(0.5, 0.5)), grey).mean() == pytest.approx(50, abs=1)


def test_without_saturation_all_is_grey():
    result = changed(replaced(saturation=(0.0, 0.0)), frames()).astype(int)
    assert np.ptp(result, axis=-1).max() <= 1


def test_shadows_lie_on_the_road_only():
    grey = np.full((4, 40, 160, 3), 200, np.uint8)
    results = [changed(replaced(shadow_share=1.0, shadow=(0.5, 0.5)), grey, seed) for seed in range(5)]
    darkest = np.min(results, axis=0)
    assert darkest[:, :3].min() > 195
    assert darkest[:, 10:].min() == pytest.approx(100, abs=3)


def test_blur_takes_texture_away_and_noise_brings_it():
    blurred = changed(replaced(blur_share=1.0, blur_px=(1.0, 1.0)), frames())
    assert blurred.std() < 0.7 * frames().std()
    grey = np.full((4, 40, 160, 3), 100, np.uint8)
    assert changed(replaced(noise=(6.0, 6.0)), grey).std() == pytest.approx(6.0, abs=0.3)
