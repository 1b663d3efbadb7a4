"""Other light on a frame: brightness, the camera's noise, and shadows that lie on the road."""

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.replay.camera import FRONT
from sim_bridges.udacity.vehicle import Pose

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

SHADOW_REACH_M = 60.0
SHADOW_WAVES = 4
"""So many waves add up to the pattern of the shadows."""


class Shadows:
    """Patches of shadow with soft edges, fixed to the ground.

    Args:
        random: Source of randomness.
    """

    def __init__(self, random: np.random.Generator) -> None:
        length_m = random.uniform(3.0, 16.0, SHADOW_WAVES)
        towards = random.uniform(0, 2 * np.pi, SHADOW_WAVES)
        self._waves = 2 * np.pi / length_m * np.stack([np.sin(towards), np.cos(towards)])
        self._phases = random.uniform(0, 2 * np.pi, SHADOW_WAVES)
        self._threshold = float(random.uniform(0.0, 1.5))
        self._softness = float(random.uniform(0.1, 0.5))

    def cover(self, east_m: Floats, north_m: Floats) -> Floats:
        """Returns how far places lie in shadow, 0 to 1."""
        height = np.zeros_like(east_m)
        for (east, north), phase in zip(self._waves.T, self._phases, strict=True):
            height += np.sin(np.float32(east) * east_m + np.float32(north) * north_m + np.float32(phase))
        return np.clip((height - self._threshold) / self._softness, 0, 1)


@dataclass(frozen=True, slots=True)
class Ground:
    """The road points that a frame's pixels see, `(rows, columns)`; not a number at and above the horizon.

    Attributes:
        right_m: Metres to the right of the camera.
        ahead_m: Metres ahead of it.
    """

    right_m: Floats
    ahead_m: Floats

    @classmethod
    def seen_by(cls, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> "Ground":
        """Returns the road points at these columns and rows of a camera frame."""
        grid = np.meshgrid(columns, rows)
        right_m, ahead_m = FRONT.ground(*grid)
        road = (grid[1] > FRONT.horizon_row) & (ahead_m > 0) & (ahead_m < SHADOW_REACH_M)
        return cls(*(np.where(road, metres, np.nan).astype(np.float32) for metres in (right_m, ahead_m)))

    def shadow(self, shadows: Shadows, poses: Floats) -> Floats:
        """Returns how far each pixel lies in shadow, 0 to 1, shape `(T, rows, columns)`.

        Args:
            shadows: The shadows.
            poses: The car's metres to the east and north and its heading, shape `(T, 3)`.
        """
        east_m, north_m, heading_rad = np.asarray(poses, np.float32).T[..., None, None]
        sin, cos = np.sin(heading_rad), np.cos(heading_rad)
        ahead_m = self.ahead_m + np.float32(FRONT.forward_m)
        cover = shadows.cover(
            east_m + self.right_m * cos + ahead_m * sin, north_m - self.right_m * sin + ahead_m * cos
        )
        return np.nan_to_num(cover, copy=False)


@dataclass(frozen=True, slots=True)
class Light:
    """How a frame differs from the recorded one.

    Attributes:
        brightness: Factor on all values.
        noise: Standard deviation of the camera's noise, of 255.
        shadow: How much darker full shadow is, 0 (no shadow) to 1 (black).
    """

    brightness: float = 1.0
    noise: float = 0.0
    shadow: float = 0.0


class Lamp:
    """Puts frames of a drive into another light.

    Args:
        light: The light.
        seed: Seed of the shadows and the noise.
    """

    def __init__(self, light: Light, seed: int) -> None:
        self._light = light
        self._random = np.random.default_rng([seed, 0x11])
        self._shadows = Shadows(self._random)
        # Shadows have soft edges: every fourth pixel is enough.
        self._ground = Ground.seen_by(np.arange(0.5, FRONT.width, 2), np.arange(0.5, FRONT.height, 2))

    def shine(self, image: Image, pose: Pose) -> Image:
        """Returns the frame of a car at a pose in this light."""
        if self._light == Light():
            return image
        values = image * np.float32(self._light.brightness)
        if self._light.shadow:
            [cover] = self._ground.shadow(self._shadows, np.array([astuple(pose)]))
            cover = cv2.resize(cover, (FRONT.width, FRONT.height))
            values *= 1 - np.float32(self._light.shadow) * cover[..., None]
        if self._light.noise:
            values += np.float32(self._light.noise) * self._random.standard_normal(image.shape, np.float32)
        return np.clip(values, 0, 255, out=values).astype(np.uint8)
