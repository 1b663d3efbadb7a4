"""Writes drives as a GIF or an MP4."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.files import check_writable, taking_the_place_of, telling_of

if TYPE_CHECKING:
    from PIL import Image

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
    """An animated GIF, small enough for a web page: 240 pixels wide, about 10 pictures a second.

    Args:
        path: Where to write it.
        steps_per_second: Steps of the drive in a second.
    """

    width = 240
    pictures_per_second = 10

    def __init__(self, path: Path, steps_per_second: float) -> None:
        self.stride = max(1, round(steps_per_second / self.pictures_per_second))
        self._path = path
        self._duration_ms = round(1000 * self.stride / steps_per_second)
        self._pictures: list[Image.Image] = []

    def add(self, picture: Picture) -> None:
        """Adds a picture."""
        from PIL import Image

        height, width, _ = picture.shape
        size = (self.width, round(height * self.width / width))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        # Without dithering flat areas stay flat, and compress well.
        image = Image.fromarray(small).quantize(32, dither=Image.Dither.NONE)
        self._pictures.append(image)

    def close(self) -> None:
        """Writes the file."""
        first, *others = self._pictures
        first.save(
            self._path,
            save_all=True,
            append_images=others,
            duration=self._duration_ms,
            loop=0,
            optimize=True,
        )


class Mp4:
    """An MPEG-4 video at about 25 pictures a second.

    Args:
        path: Where to write it.
        steps_per_second: Steps of the drive in a second.
    """

    pictures_per_second = 25

    def __init__(self, path: Path, steps_per_second: float) -> None:
        self.stride = max(1, round(steps_per_second / self.pictures_per_second))
        self._pictures_per_second = steps_per_second / self.stride
        self._path = path
        self._writer: cv2.VideoWriter | None = None
        self._pictures = 0

    def add(self, picture: Picture) -> None:
        """Adds a picture."""
        if self._writer is None:
            height, width, _ = picture.shape
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), code, self._pictures_per_second, (width, height))
            if not self._writer.isOpened():
                raise UserError("OpenCV cannot write MP4 files here: choose a video that ends in .gif.")
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._pictures += 1

    def close(self) -> None:
        """Finishes the file.

        Raises:
            OSError: Not all pictures are in it.
        """
        if self._writer is None:
            return
        self._writer.release()
        # The writer itself tells of no failure.
        written = cv2.VideoCapture(str(self._path)).get(cv2.CAP_PROP_FRAME_COUNT)
        if written != self._pictures:
            raise OSError(f"{written:.0f} of {self._pictures} pictures were written")


_KINDS: dict[str, type[Gif] | type[Mp4]] = {".gif": Gif, ".mp4": Mp4}


def check_video(path: Path) -> None:
    """Makes sure that a video can be written into a file.

    Raises:
        UserError: The ending is unknown, the file cannot be written, or Pillow is missing for a GIF.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"The video {path} must end in {' or '.join(_KINDS)}.")
    if kind is Gif and find_spec("PIL") is None:
        raise UserError("GIFs need Pillow: run `pip install pillow`, or choose a file that ends in .mp4.")
    check_writable(path)


@contextmanager
def filming(path: Path, steps_per_second: float) -> Iterator[Video]:
    """Yields a video of the kind that the file's ending names, which takes the file's place in the end.

    Args:
        path: Where to write it.
        steps_per_second: Steps of the drive in a second.

    Raises:
        UserError: As of `check_video`, or it cannot be written after all.
    """
    check_video(path)
    with taking_the_place_of(path) as partial:
        video: Video = _KINDS[path.suffix.lower()](partial, steps_per_second)
        yield video
        with telling_of(path):
            video.close()
