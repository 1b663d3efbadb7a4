"""Peak memory of one pass of the layer, each in a process of its own.

The figure is the process' highest resident memory less that of a process that only imports TensorFlow and
Keras; `memory.import` is that baseline.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.timing import NETWORKS, Row, median_row

PACKAGES = (*NETWORKS, "keras-nac")
REPETITIONS = 3
CASES = (
    ("full.graph.T8192.B1.chunk128", "lan", 8192, 1, "chunk=128", "< 250"),
    ("full.jit.T8192.B1.chunk128", "lan", 8192, 1, "chunk=128 jit", "< 250"),
    ("full.graph.T4096.B1.backward.chunk128", "lan", 4096, 1, "chunk=128 backward", "< 500"),
    ("full.jit.T4096.B1.backward.chunk128", "lan", 4096, 1, "chunk=128 jit backward", "< 500"),
    ("full.jit.T4096.B1.backward", "lan", 4096, 1, "jit backward", ""),
    ("full.jit.T4096.B1.backward.mha", "mha", 4096, 1, "jit backward", ""),
    ("full.jit.T256.B32", "lan", 256, 32, "jit", ""),
    ("full.jit.T256.B32.mha", "mha", 256, 32, "jit", ""),
    ("full.jit.T256.B32.keras_nac", "keras_nac", 256, 32, "jit", ""),
    ("full.jit.T256.B32.pairwise", "pairwise", 256, 32, "jit", ""),
)

SCRIPT = """
import re, sys
import keras
import numpy as np
import tensorflow as tf

name, length, batch, options = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def layer_and_function():
    if name == "mha":
        layer = keras.layers.MultiHeadAttention(4, 16)
        return layer, lambda x: layer(x, x)
    if name == "keras_nac":
        import keras_nac.layers

        layer = keras_nac.layers.LAN(64, 4, return_sequences=True)
        return layer, layer
    if name == "pairwise":
        from benchmarks.pairwise import PairwiseLAN

        layer = PairwiseLAN(64, 4)
        return layer, lambda x: layer(x)[0]
    from models.lan import LAN

    chunk = re.search(r"chunk=(\\d+)", options)
    layer = LAN(64, 4, return_sequences=True, query_chunk=chunk and int(chunk[1]))
    return layer, layer


if name != "import":
    x = tf.constant(np.random.default_rng(0).normal(size=(batch, length, 64)), tf.float32)
    layer, function = layer_and_function()
    function(x[:1, :2])

    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(function(x) ** 2)
        return tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])

    chosen = gradients if "backward" in options else function
    tf.function(chosen, jit_compile="jit" in options, autograph=False)(x)
with open("/proc/self/status") as status:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
"""


def run() -> list[Row]:
    """Return the peak memory of each case in MB."""
    imports = [_peak_mb("import", 0, 0, "") for _ in range(REPETITIONS)]
    imported = statistics.median(imports)
    rows = [median_row("memory.import.mb", imports, "MB", "TensorFlow and Keras imported, nothing computed")]
    for metric, name, length, batch, options, asked in CASES:
        peaks = [_peak_mb(name, length, batch, options) - imported for _ in range(REPETITIONS)]
        rows.append(
            median_row(
                f"memory.{metric}.mb",
                peaks,
                "MB",
                f"above the {imported:.0f} MB of a bare import",
                asked,
            )
        )
    return rows


def _peak_mb(name: str, length: int, batch: int, options: str) -> float:
    """Return a fresh process' highest resident memory in MB."""
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT, name, str(length), str(batch), options],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(result.stdout.split()[-1]) * 1024 / 1e6
