"""One recorded drive with the expert's advice for every frame, in memory and on disk."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.arrays import save_arrays, saved_arrays


@dataclass(frozen=True, slots=True)
class Drive:
    """How a drive was made and how it went.

    Attributes:
        seed: The track, and all randomness of the drive.
        expert_share: Share of the time for which the expert drove, 0 to 1; else the network did.
        drop_share: Share of the frames that was lost.
        score: The environment's score.
        frames: Steps driven.
    """

    seed: int
    expert_share: float
    drop_share: float
    score: float
    frames: int

    @classmethod
    def load(cls, path: Path) -> "Drive":
        """Reads it from the file of a demonstration.

        Raises:
            UserError: The file is not a demonstration.
        """
        with saved_arrays(path) as content:
            return _drive(content)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The frames of a drive that arrived, and what the expert would have done at each.

    Attributes:
        images: Network inputs, uint8, shape `(T, height, width, 3)`.
        times_s: Moments of the frames in simulator seconds, shape `(T,)`.
        advice: The expert's commands (steering, gas, brake) for each of its styles, shape `(T, styles, 3)`.
        drive: How the drive was made.
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    advice: NDArray[np.float32]
    drive: Drive

    def save(self, path: Path) -> None:
        """Writes the demonstration; a reader sees all of it or nothing."""
        drive = np.array(json.dumps(asdict(self.drive)))
        save_arrays(path, images=self.images, times_s=self.times_s, advice=self.advice, drive=drive)

    @classmethod
    def load(cls, path: Path) -> "Demonstration":
        """Reads a demonstration.

        Raises:
            UserError: The file is not a demonstration.
        """
        with saved_arrays(path) as content:
            return cls(content["images"], content["times_s"], content["advice"], _drive(content))


def _drive(content: Any) -> Drive:
    return Drive(**json.loads(str(content["drive"])))
