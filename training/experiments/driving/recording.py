"""Steering on a recording of the Udacity simulator, split by laps."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import Preprocessing
from sim_bridges.udacity.replay.stretches import read_part, stretches
from training.experiments.data_folder import data_file
from training.experiments.driving.aggregate import BATCH_SIZE, CHUNK_LENGTH
from training.experiments.driving.film_study import Part
from training.progress import Progress
from training.settled import settle
from training.udacity.pipeline import choose_frames
from training.udacity.recipe import PREPROCESSING

ORIGIN = "the public repository rslim087a/track"
DRIVE_FRAMES = 40
STRIDE = 10
ROWS = {
    Part.TRAINING: ("12:1222", "2163:3360"),
    Part.VALIDATION: ("3360:3600",),
    Part.TEST: ("1222:2069",),
}
"""A lap in each direction; what was driven of a second one in the other direction, and in the first.

Between the directions lies a U-turn.
"""


@dataclass(frozen=True, slots=True)
class RecordedLaps:
    """A person's laps, learnt from as they are: no frame is moved or put into another light.

    Attributes:
        folder: The recording; None for that of the folder with the data.
        stride: Frames between the beginnings of the drives into which the laps are cut.
    """

    folder: Path | None
    stride: int = STRIDE

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of the frames."""
        return (PREPROCESSING.height, PREPROCESSING.width, 3)

    def gather(self, folder: Path, progress: Progress) -> None:
        """Makes sure that the recording is there, and the same as before.

        Raises:
            UserError: It is not.
        """
        settle(folder / "recording.json", {"recording": str(self._path().resolve())})

    def batches(self, folder: Path, part: Part, seed: int, count: int) -> keras.utils.PyDataset:
        """Returns batches of chunks, thinned out at random and mirrored."""
        return _RecordedChunks(_load(self._path(), ROWS[part], self.stride, PREPROCESSING), seed, count)

    def quick(self) -> "RecordedLaps":
        """Returns a source of fewer drives."""
        return replace(self, stride=20 * STRIDE)

    def _path(self) -> Path:
        return data_file("udacity_track1", ORIGIN, self.folder)


class _Laps(NamedTuple):
    """Laps, cut into D drives of T frames."""

    images: NDArray[np.uint8]  # (D, T, height, width, 3)
    times_s: NDArray[np.float64]  # (D, T)
    steering: NDArray[np.float32]  # (D, T)


class _RecordedChunks(keras.utils.PyDataset):
    """Batches of chunks: `frames`, `times_s` and steering."""

    def __init__(self, laps: _Laps, seed: int, count: int) -> None:
        super().__init__()
        self._laps, self._seed, self._count, self.epoch = laps, seed, count, 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32]]:
        first = (self.epoch * self._count + index) * BATCH_SIZE
        chunks = [self._draw(number) for number in range(first, first + BATCH_SIZE)]
        frames, times_s, steering = (np.stack(part) for part in zip(*chunks, strict=True))
        return {"frames": frames, "times_s": times_s}, steering

    def _draw(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        random = np.random.default_rng([self._seed, number])
        drive = int(random.integers(len(self._laps.images)))
        _, chosen = choose_frames(DRIVE_FRAMES, CHUNK_LENGTH, random)
        images, steering = self._laps.images[drive, chosen], self._laps.steering[drive, chosen]
        if random.random() < 0.5:
            images, steering = images[:, :, ::-1], -steering
        times_s = self._laps.times_s[drive, chosen]
        return images, (times_s - times_s[-1]).astype(np.float32), steering[:, None]


@lru_cache(maxsize=len(Part))
def _load(folder: Path, rows: tuple[str, ...], stride: int, preprocessing: Preprocessing) -> _Laps:
    images, times_s, steering = [], [], []
    for stretch in (stretch for part in rows for stretch in stretches(read_part(folder, part))):
        frames = np.stack([preprocessing(stretch.image(index)) for index in range(len(stretch))])
        for first in range(0, len(stretch) - DRIVE_FRAMES + 1, stride):
            chosen = slice(first, first + DRIVE_FRAMES)
            images.append(frames[chosen])
            times_s.append(stretch.time_s[chosen])
            steering.append(stretch.steering[chosen])
    return _Laps(np.stack(images), np.stack(times_s), np.stack(steering).astype(np.float32))
