"""The data set of CarRacing with five actions: drives by a scripted expert, then by networks that learnt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from controller.runtime import limit_threads
from sim_bridges.carracing.environment import STEP_LIMIT
from sim_bridges.processes import map_in_processes
from training.carracing.chunks import Chunks
from training.carracing.demonstration import Demonstration, Drive
from training.carracing.rollout import LOST_M, TURN_STEPS
from training.carracing.styles import STYLES
from training.experiments.driving.aggregate import BATCH_SIZE, CHUNK_LENGTH, IMAGE_SHAPE, split
from training.experiments.driving.contenders import LAN_ELAPSED, SIZE, WINDOW
from training.experiments.driving.film_study import Part
from training.experiments.driving.five_actions import PRIORITIES, STYLE, DiscreteExpert, command_of
from training.experiments.driving.outputs import action_head, action_loss, likeliest
from training.experiments.driving.ride import Driver, Ride
from training.experiments.driving.training import VALIDATION_BATCHES, train
from training.experiments.driving.window_driver import WindowDriver
from training.progress import Progress

FIRST_TRACK = 950_000
SLIP_CHANCE = 0.02
LONGEST_SLIP = 10
EXPERT_SHARES = (1.0, 0.3, 0.0, 0.0, 0.0)
BATCHES = 100
RATE = 1e-3


class AdvisedRide(Ride):
    """A ride that records the expert's advice for every frame; expert and network share the wheel.

    Now and then a random action is held for some frames instead of the expert's, so that the data shows how
    to recover. The ride ends where the car is lost.

    Args:
        seed: The track, and all randomness.
        expert_share: Share of the half-second turns in which the expert is at the wheel.
        limit: Most steps.
    """

    def __init__(self, seed: int, expert_share: float, limit: int) -> None:
        super().__init__(seed, drop_share=0.0, limit=limit)
        self._slips = np.random.default_rng([seed, 0x5A])
        self._expert_turns = self._slips.random(limit // TURN_STEPS + 1) < expert_share
        self._expert = DiscreteExpert(self.environment.track, STYLE, PRIORITIES)
        self._seed, self._expert_share = seed, expert_share
        self._slipping, self._slip = 0, 0
        self._images: list[Any] = []
        self._times_s: list[float] = []
        self._advice: list[NDArray[np.float32]] = []

    def advance(self) -> None:
        """Records the newest frame and drives on."""
        advised = self._expert.act(self.environment.car)
        if self._expert_turns[len(self._images) // TURN_STEPS]:
            self.tell(command_of(self._disturb(advised)))
        self._images.append(self.frame)
        self._times_s.append(self.time_s)
        self._advice.append(command_of(advised))
        super().advance()
        self.finished = self.finished or self._expert.distance_m(self.environment.car) > LOST_M

    def demonstration(self) -> Demonstration:
        """Returns the finished ride; the advice is the same for each style of the continuous expert."""
        return Demonstration(
            np.array(self._images),
            np.array(self._times_s),
            np.repeat(np.array(self._advice)[:, None], len(STYLES), axis=1),
            Drive(self._seed, self._expert_share, 0.0, self.score, len(self._images)),
        )

    def _disturb(self, action: int) -> int:
        if self._slipping == 0 and self._slips.random() < SLIP_CHANCE:
            self._slipping = int(self._slips.integers(3, LONGEST_SLIP + 1))
            self._slip = int(self._slips.integers(5))
        if self._slipping == 0:
            return action
        self._slipping -= 1
        return self._slip


class AllFrames(Chunks):
    """Chunks of which no frame is taken."""

    def _thin_out(
        self, demonstration: Demonstration, random: np.random.Generator
    ) -> tuple[NDArray[np.int_], float]:
        return np.arange(len(demonstration.images)), 0.0


@dataclass(frozen=True, slots=True)
class FiveRounds:
    """Drives with five actions and the scripted expert's advice, made once for all networks (DAgger).

    The expert drives alone; then a network that learnt from these drives shares the wheel with it; then,
    three times, one that learnt from all drives so far drives alone. These networks are `LAN, elapsed` and
    serve for this alone.

    Attributes:
        drives: Drives of each round, to train and to validate on.
        tested: Further drives of each round, on other tracks, that are for test.
        epochs: Epochs of the networks in between.
        limit: Most steps of a drive.
        image_shape: Shape of the frames.
    """

    drives: tuple[int, ...] = (40, 36, 36, 36, 36)
    tested: tuple[int, ...] = (4, 4, 4, 4, 4)
    epochs: int = 5
    limit: int = STEP_LIMIT
    image_shape: tuple[int, int, int] = IMAGE_SHAPE

    def gather(self, folder: Path, progress: Progress) -> None:
        """Makes the missing drives, those by the expert alone on every core."""
        for number, share in enumerate(EXPERT_SHARES):
            wanted = (*self._seeds(number), *self._tested_seeds(number))
            missing = [seed for seed in wanted if not self._path(folder, seed).exists()]
            title = f"Drives with five actions, the expert's share {share:.0%}"
            with progress.task(title, len(missing)) as advance:
                if number == 0:
                    for _ in map_in_processes(_demonstrate, missing, _start_worker, (self, folder)):
                        advance()
                elif missing:
                    self._drive_with_network(folder, number, missing)
                    advance(len(missing))

    def batches(self, folder: Path, part: Part, seed: int, count: int) -> keras.utils.PyDataset:
        """Returns batches of chunks, mirrored; no frame is lost."""
        if part is Part.TEST:
            drives = self._read(folder, self._tested_seeds, len(self.tested))
        else:
            drives = split(_load(self, folder), part)
        return _chunks(drives, seed, count)

    def quick(self) -> "FiveRounds":
        """Returns a source of two short drives."""
        return replace(self, drives=(2, 0, 0, 0, 0), tested=(1, 0, 0, 0, 0), epochs=1, limit=80)

    def load(self, folder: Path, rounds: int) -> list[Demonstration]:
        """Reads the drives of the first rounds that are not for test."""
        return self._read(folder, self._seeds, rounds)

    def demonstrate(self, folder: Path, seed: int) -> None:
        """Makes a drive by the expert alone."""
        ride = AdvisedRide(seed, 1.0, self.limit)
        while not ride.finished:
            ride.advance()
        ride.demonstration().save(self._path(folder, seed))

    def _drive_with_network(self, folder: Path, number: int, seeds: list[int]) -> None:
        keras.utils.set_random_seed(number)
        network = WindowDriver(LAN_ELAPSED, SIZE, WINDOW, self.image_shape, 0, action_head)
        drives = self.load(folder, number)
        train(
            network,
            _chunks(split(drives, Part.TRAINING), number, BATCHES),
            _chunks(split(drives, Part.VALIDATION), number, VALIDATION_BATCHES),
            action_loss,
            RATE,
            self.epochs,
        )
        rides = [AdvisedRide(seed, EXPERT_SHARES[number], self.limit) for seed in seeds]
        Driver(network, likeliest).drive(rides)
        for seed, ride in zip(seeds, rides, strict=True):
            ride.demonstration().save(self._path(folder, seed))

    def _seeds(self, number: int) -> range:
        first = FIRST_TRACK + 1000 * number
        return range(first, first + self.drives[number])

    def _tested_seeds(self, number: int) -> range:
        first = FIRST_TRACK + 1000 * number + 500
        return range(first, first + self.tested[number])

    def _read(self, folder: Path, seeds_of: Callable[[int], range], rounds: int) -> list[Demonstration]:
        seeds = [seed for number in range(rounds) for seed in seeds_of(number)]
        return [Demonstration.load(self._path(folder, seed)) for seed in seeds]

    def _path(self, folder: Path, seed: int) -> Path:
        return folder / "five-actions" / f"{seed}.npz"


def _chunks(drives: list[Demonstration], seed: int, count: int) -> AllFrames:
    return AllFrames(drives, batch_size=BATCH_SIZE, length=CHUNK_LENGTH, batches=count, seed=seed)


@lru_cache(maxsize=1)
def _load(source: FiveRounds, folder: Path) -> list[Demonstration]:
    return source.load(folder, len(source.drives))


_worker: dict[str, Any] = {}


def _start_worker(source: FiveRounds, folder: Path) -> None:
    limit_threads(1)
    _worker.update(source=source, folder=folder)


def _demonstrate(seed: int) -> None:
    _worker["source"].demonstrate(_worker["folder"], seed)
