"""One step of the layer on a stream against one step of `MultiHeadAttention` with a cache of keys and values.

Both remember the newest N steps and take in one more: project it, push its key and value, attend all N. The
layer is the driving policy's kind of logit (`policy`: elapsed time, dot products as initial logits) or the
published one. The ratio is our time divided by that of `MultiHeadAttention`.

The policy's state of 512 keys is one tensor of 278 KB. XLA hands the work on so large a tensor to a second
thread, which takes longer than the work: with TF_NUM_INTRAOP_THREADS=1 the compiled ratio was 1.3. Two
tensors of half the size gain at 512 keys what they lose at 64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.timing import NETWORKS, Row, alternate, ratio_row
from models.lan import LAN

PACKAGES = NETWORKS
WINDOWS = (8, 64, 512)
FEATURES = 64
HEADS = 4
SECONDS = 2.0
VARIANTS: dict[str, dict[str, Any]] = {
    "published": {},
    "policy": {"horizon": "elapsed", "initial": "dot"},
}

Step = Callable[..., tuple[Any, Any]]


def run() -> list[Row]:
    """Return the ratios of the times of one step."""
    rows = []
    for window in WINDOWS:
        for compiler, jit in (("graph", False), ("jit", True)):
            functions = {"mha": _compile(*_attention(window), jit=jit)}
            for variant, options in VARIANTS.items():
                layer = LAN(FEATURES, HEADS, window=window, **options)
                layer.build([(None, None, FEATURES), (None, None)])
                functions[variant] = _compile(layer.step, layer.initial_state(1), jit=jit)
            rounds = alternate(functions, SECONDS)
            rows += [
                ratio_row(
                    f"streaming.{variant}.{compiler}.N{window}.B1.vs_mha",
                    rounds,
                    variant,
                    "mha",
                    "MultiHeadAttention with a cache",
                    "<= 1.3",
                )
                for variant in VARIANTS
            ]
    return rows


def _attention(window: int) -> tuple[Step, Any]:
    """Return a step `(x, t, (keys, values)) -> (output, (keys, values))` with the weights of Keras' layer."""
    depth = FEATURES // HEADS
    layer = keras.layers.MultiHeadAttention(HEADS, depth)
    layer.build((1, 1, FEATURES), (1, 1, FEATURES))

    def step(x: Any, _t: Any, cache: Any) -> tuple[Any, Any]:
        x = x[:, None]
        keys, values = (
            ops.concatenate([old[:, 1:], dense(x)], axis=1)
            for old, dense in zip(cache, (layer._key_dense, layer._value_dense), strict=True)
        )
        output, _ = layer._compute_attention(layer._query_dense(x), keys, values)
        return layer._output_dense(output)[:, 0], (keys, values)

    return step, (tf.zeros((1, window, HEADS, depth)), tf.zeros((1, window, HEADS, depth)))


def _compile(step: Step, state: Any, jit: bool) -> Callable[[], Any]:
    x = tf.constant(np.random.default_rng(0).normal(size=(1, FEATURES)), tf.float32)
    t = tf.constant([1.0], tf.float64)
    compiled = tf.function(step, jit_compile=jit, autograph=False)
    for _ in range(3):
        _, state = compiled(x, t, state)
    return lambda: compiled(x, t, state)
