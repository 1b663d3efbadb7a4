"""How fast the Udacity trainer's frames come, against the usual generator that makes them one by one.

Both make augmented frames of the same drawn recording. The usual generator opens each JPEG anew and works on
single frames; ours works on chunks of cached frames, several at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from sim_bridges.udacity.recording import read_recording
from tests.sim_bridges.udacity.drawn_recording import draw_recording
from training.udacity.augment import Augmentation
from training.udacity.collect import Collection, collect
from training.udacity.pilotnet import FrameGenerator, PilotnetRecipe
from training.udacity.pipeline import ChunkSource, batches
from training.udacity.recipe import PREPROCESSING, Recipe

ROUNDS = 5
SECONDS = 3.0
"""How long each contestant works in a round."""

Row = dict[str, Any]


def run() -> list[Row]:
    """Return how many times more frames a second ours makes."""
    with tempfile.TemporaryDirectory() as folder:
        recording = read_recording(draw_recording(Path(folder) / "recording"))
        drives = collect(Collection(Path(folder) / "drives", (recording,), Recipe(drives=100)))
        source = ChunkSource(drives, Recipe().chunk_length, 0, Augmentation(PREPROCESSING))
        ours = _ours(source)
        usual = _usual(FrameGenerator(recording, PilotnetRecipe(batch_size=Recipe().batch_size)))
        rates = [(_frames_per_s(ours), _frames_per_s(usual)) for _ in range(ROUNDS)]
    ratios = [mine / theirs for mine, theirs in rates]
    mine, theirs = np.median(rates, axis=0)
    return [
        {
            "benchmark": "pipeline",
            "metric": "pipeline.frames_per_s.vs_generator",
            "value": float(np.median(ratios)),
            "min": min(ratios),
            "max": max(ratios),
            "unit": "ratio",
            "asked": ">= 5",
            "against": f"generator of single frames: {theirs:.0f} frames/s, ours: {mine:.0f} frames/s",
            "versions": {name: metadata.version(name) for name in ("tensorflow", "keras", "numpy")},
        }
    ]


def _ours(source: ChunkSource) -> Callable[[], int]:
    batch_size = Recipe().batch_size
    iterator = iter(batches(source, batch_size, 0, 1_000_000))

    def make() -> int:
        inputs, _ = next(iterator)
        return batch_size * int(inputs["frames"].shape[1])

    return make


def _usual(generator: FrameGenerator) -> Callable[[], int]:
    return lambda: len(generator[0][0])


def _frames_per_s(make: Callable[[], int]) -> float:
    make()
    start_s, frames = time.perf_counter(), 0
    while time.perf_counter() - start_s < SECONDS:
        frames += make()
    return frames / (time.perf_counter() - start_s)
