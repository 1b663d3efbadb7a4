"""Batches for the trainer: chunks of drives, thinned out, mirrored, and in another light."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.drops import draw_drop_share, kept_frames
from training.udacity.augment import Augmentation
from training.udacity.drive import Drives

SHARE_WITHOUT_DROPS = 0.4

Chunk = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class ChunkSource:
    """Draws chunks: consecutive frames that arrived, and the steering that leads back to the line.

    A chunk depends on the seed and its number alone, so that a resumed training sees what an uninterrupted
    one would have seen.

    Args:
        drives: The drives to draw from.
        length: Frames in a chunk, at most those of a drive.
        seed: Seed of all draws.
        augmentation: The light of the frames; None leaves them as they are.
    """

    def __init__(self, drives: Drives, length: int, seed: int, augmentation: Augmentation | None) -> None:
        self._drives, self._length, self._seed = drives, length, seed
        self._augmentation = augmentation

    def draw(self, number: int) -> Chunk:
        """Returns frames `(T, height, width, 3)`, times `(T,)`, intervals `(T,)` and steering `(T, 1)`."""
        random = np.random.default_rng([self._seed, int(number)])
        drive = int(random.integers(len(self._drives.images)))
        before, chosen = choose_frames(self._drives.images.shape[1], self._length, random)
        images = self._drives.images[drive, chosen]
        if self._augmentation is not None:
            images = self._augmentation(images, self._drives.poses[drive, chosen], random)
        mirror = random.random() < 0.5
        steering = (self._drives.mirrored if mirror else self._drives.steering)[drive, chosen]
        if mirror:
            images = mirrored(images)
        times_s = self._drives.times_s[drive]
        intervals_s = np.diff(times_s[chosen], prepend=times_s[before])
        relative_s = times_s[chosen] - times_s[chosen[-1]]
        return (
            images,
            relative_s.astype(np.float32),
            intervals_s.astype(np.float32),
            steering[:, None],
        )


def mirrored(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns frames `(T, height, width, 3)` with left and right exchanged."""
    tall = images.reshape(-1, *images.shape[2:])
    return np.asarray(cv2.flip(tall, 1), np.uint8).reshape(images.shape)


def choose_frames(count: int, length: int, random: np.random.Generator) -> tuple[int, NDArray[np.int_]]:
    """Returns the frame that arrived before a chunk, the chunk's first if none did, and the chunk's frames.

    Args:
        count: Frames of a drive, some of which get lost.
        length: Frames of the chunk.
        random: Source of randomness.
    """
    share = draw_drop_share(random, 1 - length / count, SHARE_WITHOUT_DROPS)
    picked = np.flatnonzero(kept_frames(count, share, float(random.uniform(1, 2)), random))
    if len(picked) < length:
        picked = np.arange(count)
    first = int(random.integers(0, len(picked) - length + 1))
    return int(picked[max(first - 1, 0)]), picked[first : first + length]


def batches(source: ChunkSource, batch_size: int, first: int, count: int, threads: int = 2) -> Any:
    """Returns a `tf.data.Dataset` of so many batches, of the chunks from number `first` on.

    Args:
        source: Where the chunks come from.
        batch_size: Chunks in a batch.
        first: Number of the first chunk.
        count: Batches.
        threads: Chunks that are made at the same time.
    """
    import tensorflow as tf

    types = (tf.uint8, tf.float32, tf.float32, tf.float32)
    height, width = source.draw(0)[0].shape[1:3]

    def draw(number: Any) -> Any:
        images, times_s, intervals_s, steering = tf.numpy_function(source.draw, [number], types)
        images.set_shape((None, height, width, 3))
        times_s.set_shape((None,))
        intervals_s.set_shape((None,))
        steering.set_shape((None, 1))
        return {"frames": images, "times_s": times_s, "intervals_s": intervals_s}, steering

    numbers = tf.data.Dataset.range(first, first + count * batch_size)
    return numbers.map(draw, num_parallel_calls=threads).batch(batch_size).prefetch(4)
