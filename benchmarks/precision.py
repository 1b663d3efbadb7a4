"""What half precision costs in digits and saves in time, and how exact large gates are in float32.

`error` is the largest deviation of an output from that of the float32 layer with the same weights, relative
to the largest output; `vs_float32` is the time in float32 divided by the time in half precision. `gates20`
compares the float32 layer with the pairwise form in float64, with weights so large that the gates'
pre-activations reach 20 in absolute value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.pairwise import PairwiseLAN
from benchmarks.timing import NETWORKS, Row, alternate, ratio_row, row
from models import gates
from models.lan import LAN

PACKAGES = NETWORKS
LENGTH = 256
FEATURES = 64
HEADS = 4
SECONDS = 2.0
LARGEST_GATE = 20.0


def run() -> list[Row]:
    """Return errors and ratios of times."""
    x = tf.constant(np.random.default_rng(0).normal(size=(1, LENGTH, FEATURES)), tf.float32)
    full = LAN(FEATURES, HEADS, return_sequences=True)
    layers = {"float32": full}
    full(x)
    for policy in ("bfloat16", "float16"):
        layers[policy] = LAN(FEATURES, HEADS, return_sequences=True, dtype=f"mixed_{policy}")
        layers[policy](x)
        layers[policy].set_weights(full.get_weights())
    functions = {name: _compile(layer, x) for name, layer in layers.items()}
    rounds = alternate(functions, SECONDS)
    expected = functions["float32"]().numpy()
    rows = []
    for policy in ("bfloat16", "float16"):
        found = tf.cast(functions[policy](), tf.float32).numpy()
        error = np.abs(found - expected).max() / np.abs(expected).max()
        prefix = f"precision.mixed_{policy}.jit.T{LENGTH}.B1"
        rows.append(row(f"{prefix}.error", error, "relative", "float32"))
        rows.append(ratio_row(f"{prefix}.vs_float32", rounds, "float32", policy, "float32"))
    return [*rows, _large_gates(x, jit=False), _large_gates(x, jit=True)]


def _compile(layer: keras.layers.Layer, x: tf.Tensor) -> Callable[[], Any]:
    compiled = tf.function(layer, jit_compile=True, autograph=False)
    compiled(x)
    return lambda: compiled(x)


def _large_gates(x: tf.Tensor, jit: bool) -> Row:
    """Return the error of the layer whose gates' pre-activations reach `LARGEST_GATE`."""
    layer = LAN(FEATURES, HEADS, return_sequences=True)
    layer(x)
    for gate in (layer.phi_out, layer.tau_out, layer.time_a, layer.time_b):
        gate.kernel.assign(gate.kernel * (LARGEST_GATE / _largest(layer, x, gate)))
    exact = PairwiseLAN(FEATURES, HEADS, dtype="float64")
    exact.build(x.shape)
    exact.set_weights(layer.get_weights())
    expected = exact(tf.cast(x, tf.float64))[0].numpy()
    found = tf.function(layer, jit_compile=jit, autograph=False)(x).numpy()
    error = np.abs(found - expected).max() / np.abs(expected).max()
    compiler = "jit" if jit else "graph"
    return row(f"precision.gates20.{compiler}.T{LENGTH}.B1.error", error, "relative", "float64", "<= 1e-5")


def _largest(layer: LAN, x: tf.Tensor, gate: keras.layers.Dense) -> float:
    """Return the largest absolute pre-activation of a gate; without biases, as a new layer has none."""
    hidden = {"phi_out": layer.phi_in, "tau_out": layer.tau_in}.get(gate.name)
    affine = gates.affine_of(gate)
    if hidden is not None:
        affine = gates.compose(gates.affine_of(hidden), affine)
    queries, keys = (tf.reshape(dense(x), (LENGTH, HEADS, -1)) for dense in (layer.q_dense, layer.k_dense))
    sums = (
        gates.query_terms(queries, affine) + tf.transpose(gates.key_terms(keys, affine), (2, 1, 0))[:, :, 0]
    )
    return float(tf.reduce_max(tf.abs(sums)))
