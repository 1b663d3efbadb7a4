"""The data set of CarRacing: drives by the expert, by both, and by the policy that is shipped."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import keras

from models.checkpoint import SHIPPED
from training.carracing.chunks import Chunks
from training.carracing.collect import Round, collect, load_round
from training.carracing.demonstration import Demonstration
from training.carracing.recipe import PREPROCESSING
from training.experiments.driving.film_study import Part
from training.progress import Progress

BATCH_SIZE = 16
CHUNK_LENGTH = 24
FIRST_TRACK = 900_000
"""Seed of the first track, beyond those of the expert's tuning, the evaluation and the policy's drives."""
IMAGE_SHAPE = (PREPROCESSING.height, PREPROCESSING.width, 3)
VALIDATION_EVERY = 10
"""Each tenth drive, counted through all rounds from the first, is never trained on but validated on."""

EXPERT_SHARES = (1.0, 0.3, 0.0)
POLICY = SHIPPED / "carracing-lan.weights.h5"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Drives of CarRacing with the expert's advice for every frame, made once for all networks.

    The expert drives with disturbances; then it shares the wheel with the shipped policy; then that policy
    drives alone. Half of the drives lose up to 85 % of their frames. None of them is for test: networks that
    learnt from them are measured at the wheel.

    Attributes:
        drives: Drives of each of the three kinds.
        image_shape: Shape of the frames.
    """

    drives: tuple[int, int, int] = (48, 40, 40)
    image_shape: tuple[int, int, int] = IMAGE_SHAPE

    def gather(self, folder: Path, progress: Progress) -> None:
        """Makes the missing drives, on every core."""
        for drives in self._rounds(folder):
            title = f"Drives, the expert's share {drives.expert_share:.0%}"
            with progress.task(title, len(drives.seeds)) as advance:
                advance(len(drives.seeds) - len(drives.missing))
                collect(drives, advance)

    def batches(self, folder: Path, part: Part, seed: int, count: int) -> keras.utils.PyDataset:
        """Returns batches of chunks, thinned out at random and mirrored.

        Raises:
            ValueError: They are to be for test.
        """
        drives = split(_load(self, folder), part)
        return Chunks(drives, batch_size=BATCH_SIZE, length=CHUNK_LENGTH, batches=count, seed=seed)

    def quick(self) -> "Aggregate":
        """Returns a source of two drives."""
        return replace(self, drives=(2, 0, 0))

    def _rounds(self, folder: Path) -> list[Round]:
        return [
            Round(
                folder / "carracing" / f"round-{number}",
                list(range(FIRST_TRACK + 1000 * number, FIRST_TRACK + 1000 * number + count)),
                share,
                None if share == 1 else POLICY,
            )
            for number, (share, count) in enumerate(zip(EXPERT_SHARES, self.drives, strict=True))
            if count
        ]

    def load(self, folder: Path) -> list[Demonstration]:
        """Reads all drives."""
        return [drive for drives in self._rounds(folder) for drive in load_round(drives)]


@lru_cache(maxsize=1)
def _load(source: Aggregate, folder: Path) -> list[Demonstration]:
    return source.load(folder)


def split(drives: list[Demonstration], part: Part) -> list[Demonstration]:
    """Returns the drives to train on, or those to validate on.

    Raises:
        ValueError: The part is another one.
    """
    if part is Part.TEST:
        raise ValueError("None of these drives is for test.")
    validated = part is Part.VALIDATION
    return [drive for number, drive in enumerate(drives) if (number % VALIDATION_EVERY == 0) == validated]
