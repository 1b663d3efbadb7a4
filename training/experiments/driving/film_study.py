"""What a table of a driving experiment is made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

import keras

from training.experiments.study import Size, Table
from training.progress import Progress

Tensor = Any


class Part(Enum):
    """What drives serve for."""

    TRAINING = auto()
    VALIDATION = auto()
    TEST = auto()


class Source(Protocol):
    """Where the drives to learn from come from."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of the frames."""

    def gather(self, folder: Path, progress: Progress) -> None:
        """Makes what is still missing in a folder for data."""

    def batches(self, folder: Path, part: Part, seed: int, count: int) -> keras.utils.PyDataset:
        """Returns batches of chunks: `frames`, `times_s` and the targets of every frame.

        Args:
            folder: The folder for data.
            part: Which drives to draw from; those for test are needed where nobody rides.
            seed: Seed of all draws.
            count: Number of batches.
        """

    def quick(self) -> "Source":
        """Returns a source of a few drives, for a trial."""


@dataclass(frozen=True, slots=True)
class Rides:
    """How a trained network is measured at the wheel.

    Attributes:
        tracks: Seeds of the tracks, the same for all networks.
        drop_shares: Shares of the frames that get lost; all tracks are driven with each.
        limit: Most steps of a drive.
    """

    tracks: range
    drop_shares: tuple[float, ...]
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class FilmStudy(Table):
    """A table of networks that look at frames.

    Metrics measure either targets `(N, ...)` and outputs `(N, outputs)` of frames from drives for test, or,
    with rides, the scores at each share of lost frames and the validation loss.

    Attributes:
        source: The drives to learn from.
        head: From hidden features to outputs.
        loss: What training reduces: from targets and outputs to a loss for each frame.
        command: From the outputs of one frame to steering, gas and brake.
        rides: How the networks drive; None where they are only compared on frames.
        hidden_rows: Rows at the bottom of each frame that no network gets to see.
        size: Size of the contenders.
        window: Frames that a decision may look at.
        batches: Batches in an epoch.
    """

    source: Source
    head: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    command: Callable[[Any], Any]
    rides: Rides | None
    hidden_rows: int
    size: Size
    window: int
    batches: int

    def quick(self) -> "FilmStudy":
        """Returns a trial: few drives and batches, and short rides on one track."""
        rides = self.rides and replace(self.rides, tracks=self.rides.tracks[:1], limit=60)
        return replace(self, source=self.source.quick(), rides=rides, batches=3)
