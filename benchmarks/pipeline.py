"""How fast the Udacity trainer's frames come, against the usual generator that makes them one by one.

Both make augmented frames of the same drawn recording. The usual generator opens each JPEG anew, works on
single frames and prepares the 66 x 200 pixels of the published network, in the training's own thread, as
Keras has it by default; `vs_generator_2_threads` lets two threads of it run at a time. Ours works on chunks
of 40 x 160 pixels, in two threads, from frames that were decoded and seen from beside the line before the
training began: that happens once for all of its epochs and is left out here.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.timing import NETWORKS, Row, median_row
from sim_bridges.udacity.recording import read_recording
from tests.sim_bridges.udacity.drawn_recording import draw_recording
from training.udacity.augment import Augmentation
from training.udacity.collect import Collection, collect
from training.udacity.pilotnet import FrameGenerator, PilotnetRecipe
from training.udacity.pipeline import ChunkSource, batches
from training.udacity.recipe import PREPROCESSING, Recipe

PACKAGES = (*NETWORKS, "numpy", "opencv-python-headless", "simplejpeg")
ROUNDS = 5
THREADS = 2
SECONDS = 3.0
"""How long each contestant works in a round."""

Make = Callable[[], int]
"""Makes some frames and returns how many."""


def run() -> list[Row]:
    """Return how many times more frames a second ours makes."""
    with tempfile.TemporaryDirectory() as folder:
        recording = read_recording(draw_recording(Path(folder) / "recording"))
        drives = collect(Collection(Path(folder) / "drives", (recording,), Recipe(drives=100)))
        ours = _ours(ChunkSource(drives, Recipe().chunk_length, 0, Augmentation(PREPROCESSING)))
        generator = FrameGenerator(recording, PilotnetRecipe(batch_size=Recipe().batch_size))
        with _by_threads(generator) as threaded:
            contestants = (ours, lambda: _one_batch(generator), threaded)
            rates = np.array([[_frames_per_s(make) for make in contestants] for _ in range(ROUNDS)])
    mine, alone, threaded_rates = rates.T
    return [
        _ratio("vs_generator", mine, alone, ">= 5"),
        _ratio(f"vs_generator_{THREADS}_threads", mine, threaded_rates),
    ]


def _ratio(name: str, ours: np.ndarray, theirs: np.ndarray, asked: str = "") -> Row:
    against = (
        f"generator of single frames: {np.median(theirs):.0f} frames/s, ours: {np.median(ours):.0f} frames/s"
    )
    return median_row(f"pipeline.frames_per_s.{name}", ours / theirs, "ratio", against, asked)


def _ours(source: ChunkSource) -> Make:
    batch_size = Recipe().batch_size
    iterator = iter(batches(source, batch_size, 0, 1_000_000, THREADS))

    def make() -> int:
        inputs, _ = next(iterator)
        return batch_size * int(inputs["frames"].shape[1])

    return make


def _one_batch(generator: FrameGenerator) -> int:
    return len(generator[0][0])


@contextmanager
def _by_threads(generator: FrameGenerator) -> Iterator[Make]:
    """Yield what makes one batch in each of the threads."""
    with ThreadPoolExecutor(THREADS) as threads:
        yield lambda: sum(threads.map(_one_batch, [generator] * THREADS))


def _frames_per_s(make: Make) -> float:
    make()
    start_s, frames = time.perf_counter(), 0
    while time.perf_counter() - start_s < SECONDS:
        frames += make()
    return frames / (time.perf_counter() - start_s)
