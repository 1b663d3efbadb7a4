"""From a camera frame to the network's input, the same in training and in driving."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

_CONVERSIONS = {"rgb": None, "yuv": cv2.COLOR_RGB2YUV}
_INTERPOLATIONS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Crop, resize and colour space of a policy's input.

    Attributes:
        camera_height: Rows of the frames that the camera delivers.
        camera_width: Columns of these frames.
        crop_top: Rows that are cut off at the top.
        crop_bottom: Rows that are cut off at the bottom.
        height: Rows of the network's input.
        width: Columns of the network's input.
        color: Colour space of the network's input, `rgb` or `yuv`.
        interpolation: How frames are resized, `area` (each pixel the mean of those it covers) or `linear`.
    """

    camera_height: int
    camera_width: int
    height: int
    width: int
    crop_top: int = 0
    crop_bottom: int = 0
    color: str = "rgb"
    interpolation: str = "area"

    def __post_init__(self) -> None:
        if self.color not in _CONVERSIONS:
            raise UserError(f"Unknown colour space {self.color!r}: use one of {', '.join(_CONVERSIONS)}.")
        if self.interpolation not in _INTERPOLATIONS:
            raise UserError(
                f"Unknown interpolation {self.interpolation!r}: use one of {', '.join(_INTERPOLATIONS)}."
            )

        sizes = (self.camera_height, self.camera_width, self.height, self.width)
        crops = (self.crop_top, self.crop_bottom)
        if not all(type(size) is int and size > 0 for size in sizes) or not all(
            type(crop) is int and crop >= 0 for crop in crops
        ):
            raise UserError(f"Sizes {sizes} and crops {crops} must be whole, the sizes positive.")
        if sum(crops) >= self.camera_height:
            raise UserError(f"Crops {crops} leave nothing of {self.camera_height} rows.")

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the network's input, uint8, shape `(height, width, 3)`.

        Args:
            image: Camera frame, RGB, uint8, shape `(camera_height, camera_width, 3)`.

        Raises:
            UserError: The frame has another shape or type.
        """
        expected = (self.camera_height, self.camera_width, 3)
        if not isinstance(image, np.ndarray) or image.shape != expected or image.dtype != np.uint8:
            raise UserError(
                f"This policy takes RGB frames of shape {expected} and type uint8, but got "
                f"shape {np.shape(image)} and type {getattr(image, 'dtype', type(image).__name__)}: "
                "use the camera that the policy was trained with, or other weights."
            )
        road = image[self.crop_top : self.camera_height - self.crop_bottom]
        resized = cv2.resize(
            road, (self.width, self.height), interpolation=_INTERPOLATIONS[self.interpolation]
        )
        conversion = _CONVERSIONS[self.color]
        return np.asarray(resized if conversion is None else cv2.cvtColor(resized, conversion), np.uint8)
