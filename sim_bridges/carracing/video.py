"""Writes drives as a GIF or an MP4."""

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import UserError
from sim_bridges.carracing.environment import FRAMES_PER_SECOND

Picture = NDArray[np.uint8]


class Video(Protocol):
    """Takes the pictures of a drive, one a step."""

    stride: int
    """Only every so many steps a picture is wanted."""

    def add(self, picture: Picture) -> None:
        """Adds a picture, RGB, uint8, shape `(height, width, 3)`."""

    def close(self) -> None:
        """Finishes the file."""


class Gif:
    """An animated GIF, small enough for a web page: a quarter of the pixels, 10 pictures a second.

    Args:
        path: Where to write it.
    """

    stride = 5
    size = (240, 160)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pictures: list[Image.Image] = []

    def add(self, picture: Picture) -> None:
        """Adds a picture."""
        small = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
        # Without dithering flat areas stay flat, and compress well.
        image = Image.fromarray(small).quantize(32, dither=Image.Dither.NONE)
        self._pictures.append(image)

    def close(self) -> None:
        """Writes the file."""
        first, *others = self._pictures
        duration_ms = 1000 * self.stride // FRAMES_PER_SECOND
        first.save(
            self._path, save_all=True, append_images=others, duration=duration_ms, loop=0, optimize=True
        )


class Mp4:
    """An MPEG-4 video at 25 pictures a second.

    Args:
        path: Where to write it.
    """

    stride = 2

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: cv2.VideoWriter | None = None

    def add(self, picture: Picture) -> None:
        """Adds a picture."""
        if self._writer is None:
            height, width, _ = picture.shape
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(
                str(self._path), code, FRAMES_PER_SECOND / self.stride, (width, height)
            )
            if not self._writer.isOpened():
                raise UserError(f"OpenCV cannot write {self._path}: choose a file that ends in .gif.")
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finishes the file."""
        if self._writer is not None:
            self._writer.release()


_KINDS: dict[str, type[Gif] | type[Mp4]] = {".gif": Gif, ".mp4": Mp4}


def open_video(path: Path) -> Video:
    """Opens a video of the kind that the file's ending names.

    Raises:
        UserError: The ending is unknown, or the folder cannot be written.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"The video {path} must end in {' or '.join(_KINDS)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise UserError(
            f"The video {path} cannot be written ({error.strerror}): choose another place."
        ) from None
    return kind(path)
