"""The camera frame of a telemetry: base64 text of a JPEG, from a sender that is not trusted."""

import base64
import binascii
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

FRAME_SHAPE = (160, 320, 3)
"""Of the simulator's own frames."""

WIDTH_MAX_PX = 1280
HEIGHT_MAX_PX = 960
SCANS_MAX = 3
"""One for each colour component; cameras write a single one for all."""

_START_OF_IMAGE = b"\xff\xd8"
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = b"\xff\xda"
_SEQUENTIAL_FRAMES = {0xC0, 0xC1}
_OTHER_FRAMES = {0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_STANDALONE = {0x01, *range(0xD0, 0xD8)}


class BrokenFrameError(ValueError):
    """A telemetry, or the camera frame in it, that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ImageSize:
    """What a JPEG claims to hold."""

    width_px: int
    height_px: int


def read_jpeg(text: object) -> bytes:
    """Returns the JPEG in a base64 text.

    Raises:
        BrokenFrameError: The text is missing, no base64 or no whole JPEG.
    """
    if not isinstance(text, str):
        raise BrokenFrameError(f"the image is {type(text).__name__}, not base64 text")
    try:
        jpeg = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BrokenFrameError(f"the image is no base64 text: {error}") from None
    if not jpeg.startswith(_START_OF_IMAGE):
        raise BrokenFrameError("the image is no JPEG")
    if not jpeg.endswith(_END_OF_IMAGE):
        raise BrokenFrameError("the JPEG is cut off")
    return jpeg


def claimed_size(jpeg: bytes) -> ImageSize:
    """Returns the size in a JPEG's header, without decoding the image.

    Raises:
        BrokenFrameError: There is no size, or the image is not a plain sequential one of few scans: a small
            file of many scans takes minutes to decode.
    """
    position = len(_START_OF_IMAGE)
    while position + 4 <= len(jpeg):
        if jpeg[position] != 0xFF:
            break
        marker = jpeg[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        if marker in _OTHER_FRAMES:
            raise BrokenFrameError("the JPEG is not a sequential one")
        if marker in _SEQUENTIAL_FRAMES and position + 9 <= len(jpeg):
            if jpeg.count(_START_OF_SCAN, position) > SCANS_MAX:
                raise BrokenFrameError(f"the JPEG has more than {SCANS_MAX} scans")
            return ImageSize(
                width_px=int.from_bytes(jpeg[position + 7 : position + 9], "big"),
                height_px=int.from_bytes(jpeg[position + 5 : position + 7], "big"),
            )
        if marker == _START_OF_SCAN[1]:
            break
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    raise BrokenFrameError("the JPEG tells no size")


def decode_frame(jpeg: bytes) -> NDArray[np.uint8]:
    """Returns the RGB image of shape `(height, width, 3)` in a JPEG.

    Raises:
        BrokenFrameError: The JPEG is broken, or claims to be larger than the limits; then it is not decoded.
    """
    size = claimed_size(jpeg)
    if not (0 < size.width_px <= WIDTH_MAX_PX and 0 < size.height_px <= HEIGHT_MAX_PX):
        raise BrokenFrameError(
            f"the JPEG claims {size.width_px}x{size.height_px}, more than {WIDTH_MAX_PX}x{HEIGHT_MAX_PX}"
        )
    try:
        return np.asarray(simplejpeg.decode_jpeg(jpeg), dtype=np.uint8)
    except ValueError as error:
        raise BrokenFrameError(f"the JPEG cannot be decoded: {error}") from None
