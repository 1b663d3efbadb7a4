"""Mirrored frames: what the camera would show on the mirrored track."""

import numpy as np
from numpy.typing import NDArray

# The dashboard strip fills the lowest eighth of the picture. Its gauges keep their places in the mirrored
# world, but the bars of steering angle and yaw rate grow to the other side of their zeros, which lie at
# 20 and 30 fortieths of the width.
STRIP_SHARE = 1 / 8
BAR_ZEROS = (20 / 40, 30 / 40)
BAR_REACH = 5 / 40


def mirror_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the frames of the mirrored world, uint8, shape `(..., height, width, 3)` as given."""
    height, width = images.shape[-3:-1]
    strip = height - round(height * STRIP_SHARE)
    mirrored = images.copy()
    mirrored[..., :strip, :, :] = images[..., :strip, ::-1, :]
    for zero in BAR_ZEROS:
        bar = slice(round((zero - BAR_REACH) * width), round((zero + BAR_REACH) * width))
        mirrored[..., strip:, bar, :] = images[..., strip:, bar, :][..., ::-1, :]
    return mirrored


def mirror_commands(commands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the commands (steering, gas, brake) of the mirrored world, shape `(..., 3)`."""
    return commands * np.array([-1, 1, 1], np.float32)
