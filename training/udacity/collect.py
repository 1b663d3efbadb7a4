"""Makes the drives beside the recorded lines, on every core; what exists already is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from sim_bridges.processes import map_in_processes
from sim_bridges.udacity.recording import Recording, segments
from sim_bridges.udacity.recording.balancing import balanced_weights
from sim_bridges.udacity.replay.scene import Scene
from sim_bridges.udacity.vehicle import steering_for
from training.udacity.drive import Drives, roll_out
from training.udacity.expert import LOOK_AHEAD_M
from training.udacity.recipe import PREPROCESSING, Recipe
from training.udacity.road import right_of_centre_m

BLOCK = 50
"""Drives in one file."""

USUAL_DRIVE_M = 20.0
"""A drive begins so far before the end of its stretch; one that would get further is slowed down."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What drives are made of.

    Attributes:
        folder: Where they lie.
        recordings: The recordings, or parts of them, to drive along.
        recipe: How many, and how long.
    """

    folder: Path
    recordings: tuple[Recording, ...]
    recipe: Recipe

    @property
    def blocks(self) -> list[Path]:
        """The files of the drives."""
        count = -(-self.recipe.drives // BLOCK)
        return [self.folder / f"{number:04d}.npz" for number in range(count)]


def collect(collection: Collection, on_block: Callable[[], None] = lambda: None) -> Drives:
    """Makes the missing drives in one process a core, and returns all.

    Args:
        collection: What to make.
        on_block: Called for each file of drives.

    Raises:
        UserError: No stretch of the recordings is long enough.
    """
    places = scenes(collection.recordings)
    missing = [path for path in collection.blocks if not path.exists()]
    for _ in range(len(collection.blocks) - len(missing)):
        on_block()
    if missing:
        for _ in map_in_processes(_make_block, missing, _start_worker, (collection, _habits_m(places))):
            on_block()
    return Drives.joined((Drives.load(path) for path in collection.blocks), collection.recipe.drives)


def scenes(recordings: tuple[Recording, ...]) -> list[Scene]:
    """Returns the stretches of continuous driving that are long enough to drive along.

    Raises:
        UserError: There is none.
    """
    found = [Scene(recording.take(part)) for recording in recordings for part in segments(recording)]
    long_enough = [scene for scene in found if _start_weights(scene).sum() > 0]
    if not long_enough:
        raise UserError(
            f"No stretch of the recordings is longer than {USUAL_DRIVE_M + LOOK_AHEAD_M:.0f} m without a "
            "stop: record some minutes of driving."
        )
    return long_enough


def _habits_m(places: list[Scene]) -> list[float]:
    """Returns how far to the right of the road's centre the driver of each stretch keeps."""
    return [right_of_centre_m(place.recording) for place in places]


def _start_weights(scene: Scene) -> NDArray[np.float64]:
    """Returns how often drives begin at each frame: seldom where there are many alike, never near the end."""
    path = scene.path
    ahead_m = 5.0
    turn = np.interp(path.distance_m + ahead_m, path.distance_m, path.heading_rad)
    steering = steering_for((turn - path.heading_rad) / ahead_m)
    far_enough = path.distance_m < path.distance_m[-1] - USUAL_DRIVE_M - LOOK_AHEAD_M
    return balanced_weights(steering) * len(path) * far_enough


_worker: dict[str, Any] = {}


def _start_worker(collection: Collection, habits_m: list[float]) -> None:
    cv2.setNumThreads(1)
    places = scenes(collection.recordings)
    weights = [_start_weights(scene) for scene in places]
    _worker.update(collection=collection, scenes=places, weights=weights, habits_m=habits_m)


def _make_block(path: Path) -> None:
    recipe: Recipe = _worker["collection"].recipe
    weights: list[NDArray[np.float64]] = _worker["weights"]
    random = np.random.default_rng([recipe.seed, int(path.stem)])
    sums = np.array([each.sum() for each in weights])
    drives = []
    for _ in range(min(BLOCK, recipe.drives - BLOCK * int(path.stem))):
        place = int(random.choice(len(sums), p=sums / sums.sum()))
        odds = weights[place] / sums[place]
        drives.append(
            roll_out(
                _worker["scenes"][place],
                PREPROCESSING,
                odds,
                recipe.drive_frames,
                random,
                _worker["habits_m"][place],
            )
        )
    Drives.joined(drives, len(drives)).save(path)
