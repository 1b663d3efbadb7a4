"""The speed of the Liquid Attention layer against dot-product attention and against its pairwise form.

All contestants run in turns in one process, so that the load of the machine touches them alike, and the
median of each counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.pairwise import PairwiseLAN
from models.lan import LAN

LENGTHS = (64, 256, 512)
FEATURES = 64
HEADS = 4
BATCH = 1
SECONDS = 2.0
"""How long the contestants of one comparison take turns."""

Row = dict[str, Any]


def run() -> list[Row]:
    """Return the ratios of running times for all time steps, and for the last one only."""
    rows = []
    for length in LENGTHS:
        x = tf.constant(np.random.default_rng(0).normal(size=(BATCH, length, FEATURES)), tf.float32)
        for compiler, jit in (("graph", False), ("jit", True)):
            for scope, everything in (("full", True), ("last", False)):
                contestants = _contestants(everything)
                times = _alternate({name: _compile(f, x, jit) for name, f in contestants.items()})
                prefix = f"layer.{scope}.{compiler}.T{length}.B{BATCH}"
                rows.append(_row(f"{prefix}.vs_mha", times["lan"] / times["mha"], "keras MultiHeadAttention"))
                rows.append(_row(f"{prefix}.vs_pairwise", times["pairwise"] / times["lan"], "pairwise form"))
    return rows


def _contestants(everything: bool) -> dict[str, Callable[[Any], Any]]:
    lan = LAN(FEATURES, HEADS, return_sequences=everything)
    mha = keras.layers.MultiHeadAttention(HEADS, FEATURES // HEADS)
    pairwise = PairwiseLAN(FEATURES, HEADS)
    if everything:
        return {"lan": lan, "mha": lambda x: mha(x, x), "pairwise": lambda x: pairwise(x)[0]}
    # Dot-product attention is asked for one query; the pairwise form, as published, evaluates all of them.
    return {"lan": lan, "mha": lambda x: mha(x[:, -1:], x), "pairwise": lambda x: pairwise(x)[0][:, -1]}


def _compile(function: Callable[[Any], Any], x: tf.Tensor, jit: bool) -> Callable[[], Any]:
    compiled = tf.function(function, jit_compile=jit, autograph=False).get_concrete_function(x)
    compiled(x)
    return lambda: compiled(x)


def _alternate(functions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median seconds of one call of each function, called in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(seconds["lan"]) < 5:
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _row(metric: str, value: float, against: str) -> Row:
    return {
        "benchmark": "layer",
        "metric": metric,
        "value": value,
        "unit": "ratio",
        "against": against,
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
