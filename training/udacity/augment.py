"""Other light on the frames of a drive: colours, shadows on the road, blur and noise."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Preprocessing
from sim_bridges.udacity.replay.light import Ground, Shadows

Images = NDArray[np.uint8]
NOISE_BANK = 1 << 22
"""Values of noise that are drawn once, more than the values of any drive."""


@dataclass(frozen=True, slots=True)
class LightRange:
    """How far the light may differ from the recorded one; each pair is the least and the most.

    Attributes:
        brightness: Factor on all values.
        tint: Factor on each colour.
        gamma: Exponent of the tone curve.
        saturation: Factor on the distance from grey.
        shadow: How much darker full shadow is, and `shadow_share` of the drives have shadows.
        blur_px: Standard deviation of a Gaussian blur, and `blur_share` of the drives have it.
        noise: Standard deviation of the noise, of 255.
    """

    brightness: tuple[float, float] = (0.5, 1.5)
    tint: tuple[float, float] = (0.85, 1.15)
    gamma: tuple[float, float] = (0.7, 1.4)
    saturation: tuple[float, float] = (0.4, 1.4)
    shadow: tuple[float, float] = (0.2, 0.75)
    shadow_share: float = 0.6
    blur_px: tuple[float, float] = (0.3, 1.0)
    blur_share: float = 0.3
    noise: tuple[float, float] = (0.0, 8.0)


class Augmentation:
    """Puts whole drives into another light, the same for all frames of a drive.

    Args:
        preprocessing: How the frames were made.
        light: How far the light may differ.
    """

    def __init__(self, preprocessing: Preprocessing, light: LightRange | None = None) -> None:
        self._light = light or LightRange()
        columns, rows = _pixel_centres(preprocessing)
        # Shadows have soft edges: a quarter of the pixels is enough.
        self._ground = Ground.seen_by(columns[::2], rows[::2])
        self._noise = np.random.default_rng(0).normal(size=NOISE_BANK).astype(np.float32)

    def __call__(self, images: Images, poses: NDArray[np.float32], random: np.random.Generator) -> Images:
        """Returns the frames in a light drawn at random.

        Args:
            images: Frames of one drive, RGB, uint8, shape `(T, height, width, 3)`.
            poses: The car's metres to the east and north and its heading, shape `(T, 3)`.
            random: Source of randomness.
        """
        light = self._light
        count, height, width, _ = images.shape
        tall = images.reshape(count * height, width, 3)
        toned = cv2.transform(cv2.LUT(tall, self._tone_curve(random)), self._colours(random))
        if random.random() < light.shadow_share:
            shade = self._shade(poses, (width, height), random)
            values = np.asarray(cv2.multiply(toned, shade, dtype=cv2.CV_32F), np.float32)
        else:
            values = np.asarray(toned, np.float32)
        if random.random() < light.blur_share:
            sigma = random.uniform(*light.blur_px)
            for frame in values.reshape(images.shape):
                cv2.GaussianBlur(frame, (0, 0), sigma, dst=frame)
        strength = random.uniform(*light.noise)
        noise = self._some_noise(tall.shape, random)
        # Adds, rounds and clips in one pass.
        noisy = cv2.addWeighted(values, 1, noise, strength, 0, dtype=cv2.CV_8U)
        return np.asarray(noisy, np.uint8).reshape(images.shape)

    def _tone_curve(self, random: np.random.Generator) -> NDArray[np.uint8]:
        """Returns the new value of each old one, `(256,)`."""
        return (255 * np.linspace(0, 1, 256) ** random.uniform(*self._light.gamma)).astype(np.uint8)

    def _colours(self, random: np.random.Generator) -> NDArray[np.float32]:
        """Returns the matrix from old colours to new, `(3, 3)`: brightness, tint and saturation."""
        light = self._light
        gains = random.uniform(*light.brightness) * random.uniform(*light.tint, (3, 1))
        saturation = random.uniform(*light.saturation)
        mixing = saturation * np.eye(3) + (1 - saturation) / 3
        return (gains * mixing).astype(np.float32)

    def _shade(
        self, poses: NDArray[np.float32], size: tuple[int, int], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """Returns the factor on each value, `(T * height, width, 3)`."""
        shadows = Shadows(random)
        depth = random.uniform(*self._light.shadow)
        covers = self._ground.shadow(shadows, poses)
        tall = np.concatenate([cv2.resize(cover, size) for cover in covers])
        return np.asarray(cv2.cvtColor(1 - np.float32(depth) * tall, cv2.COLOR_GRAY2RGB), np.float32)

    def _some_noise(self, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
        size = math.prod(shape)
        first = int(random.integers(0, NOISE_BANK - size))
        return self._noise[first : first + size].reshape(shape)


def _pixel_centres(preprocessing: Preprocessing) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns the columns and rows of the camera's frame at which the input's pixels lie."""
    road_rows = preprocessing.camera_height - preprocessing.crop_top - preprocessing.crop_bottom
    column_step = preprocessing.camera_width / preprocessing.width
    row_step = road_rows / preprocessing.height
    columns = (np.arange(preprocessing.width) + 0.5) * column_step - 0.5
    rows = preprocessing.crop_top + (np.arange(preprocessing.height) + 0.5) * row_step - 0.5
    return columns, rows
