"""Batches for the trainer: stretches of drives, mirrored and thinned out at random."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.carracing.demonstration import Demonstration
from training.carracing.mirror import mirror_commands, mirror_images
from training.carracing.rollout import LARGEST_DROP_SHARE
from training.carracing.styles import blend
from training.drops import draw_drop_share, kept_frames

SHARE_WITHOUT_FURTHER_DROPS = 0.5


class Chunks(keras.utils.PyDataset):
    """Batches of chunks: consecutive frames that arrived, their times and the expert's commands.

    A batch depends on the seed, the epoch and its index alone, so that a resumed training sees what an
    uninterrupted one would have seen.

    Args:
        demonstrations: The drives to draw from, each in proportion to its frames.
        batch_size: Chunks in a batch.
        length: Frames in a chunk.
        batches: Batches in an epoch.
        seed: Seed of all draws.

    Raises:
        ValueError: No drive is as long as a chunk.

    Attributes:
        epoch: Number of the epoch whose batches are drawn.
    """

    def __init__(
        self,
        demonstrations: list[Demonstration],
        *,
        batch_size: int,
        length: int,
        batches: int,
        seed: int,
    ) -> None:
        super().__init__()
        self._demonstrations = [d for d in demonstrations if len(d.images) >= length]
        if not self._demonstrations:
            raise ValueError(f"A chunk needs a drive of at least {length} frames, and there is none.")
        sizes = np.array([len(d.images) for d in self._demonstrations], float)
        self._odds = sizes / sizes.sum()
        self._batch_size, self._length, self._batches = batch_size, length, batches
        self._seed, self.epoch = seed, 0

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, index: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32]]:
        random = np.random.default_rng([self._seed, self.epoch, index])
        drives = random.choice(len(self._demonstrations), self._batch_size, p=self._odds)
        chunks = [self._draw(self._demonstrations[drive], random) for drive in drives]
        inputs = {key: np.stack([chunk[key] for chunk, _ in chunks]) for key in chunks[0][0]}
        return inputs, np.stack([commands for _, commands in chunks])

    def _draw(
        self, demonstration: Demonstration, random: np.random.Generator
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32]]:
        picked, drop_share = self._thin_out(demonstration, random)
        first = int(random.integers(0, len(picked) - self._length + 1))
        chosen = picked[first : first + self._length]
        times_s = demonstration.times_s[chosen]
        before_s = demonstration.times_s[picked[first - 1] if first else chosen[0]]
        images = demonstration.images[chosen]
        commands = blend(demonstration.advice[chosen], drop_share)
        if random.random() < 0.5:
            images, commands = mirror_images(images), mirror_commands(commands)
        inputs = {
            "frames": images,
            "times_s": (times_s - times_s[-1]).astype(np.float32),
            "intervals_s": np.diff(times_s, prepend=before_s).astype(np.float32),
        }
        return inputs, commands

    def _thin_out(
        self, demonstration: Demonstration, random: np.random.Generator
    ) -> tuple[NDArray[np.int_], float]:
        """Returns the frames that arrive, at least a chunk of them, and the share that got lost in all."""
        count, lost = len(demonstration.images), demonstration.drive.drop_share
        most = min(1 - (1 - LARGEST_DROP_SHARE) / (1 - lost), 1 - 2 * self._length / count)
        if most > 0:
            further = draw_drop_share(random, most, SHARE_WITHOUT_FURTHER_DROPS)
            picked = np.flatnonzero(kept_frames(count, further, float(random.uniform(1, 2)), random))
            if len(picked) >= self._length:
                return picked, 1 - (1 - lost) * (1 - further)
        return np.arange(count), lost
