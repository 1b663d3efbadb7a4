"""Collects the drives of a round, on every core; what exists already is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.interface import Policy
from controller.pixel_policy import load_policy_factory
from controller.runtime import limit_threads
from models.checkpoint import manifest_path
from sim_bridges.processes import map_in_processes
from training.carracing.demonstration import Demonstration, Drive
from training.carracing.recipe import PREPROCESSING, Recipe
from training.carracing.rollout import roll_out


@dataclass(frozen=True, slots=True)
class Round:
    """One round of driving.

    Attributes:
        folder: Where its drives lie.
        seeds: Seeds of its tracks.
        expert_share: Share of the time for which the expert drives.
        weights: The network that drives otherwise, None for the expert alone.
    """

    folder: Path
    seeds: list[int]
    expert_share: float
    weights: Path | None

    @classmethod
    def of(cls, work: Path, recipe: Recipe, number: int) -> "Round":
        """Returns a round of a recipe in a working folder; the network is that of the round before."""
        weights = None if number == 0 else round_weights(work, number - 1)
        return cls(
            work / "drives" / f"round-{number}", recipe.tracks(number), recipe.expert_share(number), weights
        )

    def path(self, seed: int) -> Path:
        """Returns where the drive on a track lies."""
        return self.folder / f"{seed}.npz"

    @property
    def missing(self) -> list[int]:
        """Seeds of the drives still to be made."""
        return [seed for seed in self.seeds if not self.path(seed).exists()]


def round_weights(work: Path, number: int) -> Path:
    """Returns where the network trained after a round lies."""
    return work / f"round-{number}.weights.h5"


def is_trained(work: Path, number: int) -> bool:
    """Returns whether a round's network is there with its manifest, which is written last."""
    return manifest_path(round_weights(work, number)).exists()


def collect(drives: Round, on_drive: Callable[[], None] = lambda: None) -> None:
    """Makes the missing drives of a round in one process a core.

    Args:
        drives: The round.
        on_drive: Called after each drive.

    Raises:
        UserError: The network's weights cannot be used.
    """
    if drives.missing and drives.weights is not None:
        # Loading here first gives a clear error before any process starts.
        load_policy_factory(drives.weights)
    for _ in map_in_processes(_make_drive, drives.missing, _start_worker, (drives,)):
        on_drive()


def load_drives(drives: Round) -> list[Drive]:
    """Reads how the drives of a round went, without their frames."""
    return [Drive.load(drives.path(seed)) for seed in drives.seeds]


def load_round(drives: Round) -> list[Demonstration]:
    """Reads the drives of a round, in the order of their seeds."""
    return [Demonstration.load(drives.path(seed)) for seed in drives.seeds]


_worker: dict[str, Any] = {}


def _start_worker(drives: Round) -> None:
    limit_threads(1)
    policy: Policy | None = None if drives.weights is None else load_policy_factory(drives.weights)()
    _worker.update(drives=drives, policy=policy)


def _make_drive(seed: int) -> None:
    drives: Round = _worker["drives"]
    demonstration = roll_out(seed, drives.expert_share, PREPROCESSING, _worker["policy"])
    demonstration.save(drives.path(seed))
