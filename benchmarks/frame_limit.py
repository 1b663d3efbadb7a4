"""What cannot be spared of a frame's way: the network's arithmetic, at the speed of a matrix product.

All speeds are those of as many cores as the network gets, and undisturbed: the shortest of many times.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

LARGE = (512, 512, 512)

_LIMITS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_PRODUCTS_S = """
import json, sys, time
import numpy as np
random = np.random.default_rng(0)
shortest_s = []
for rows, inner, columns in json.loads(sys.argv[1]):
    a, b = random.random((rows, inner), np.float32), random.random((inner, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    times_s = []
    for _ in range(200):
        begin_s = time.perf_counter()
        np.matmul(a, b, out=out)
        times_s.append(time.perf_counter() - begin_s)
    shortest_s.append(min(times_s))
print(json.dumps(shortest_s))
"""

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The least time that a network's arithmetic can take.

    Attributes:
        operations: Floating-point operations of one frame.
        operations_per_s: Speed of a product of two large matrices.
        threads: Number of threads that multiply.
        products_s: Seconds of bare matrix products of the shapes that the network's convolutions have.
    """

    operations: int
    operations_per_s: float
    threads: int
    products_s: float

    @property
    def seconds(self) -> float:
        """Seconds of all operations at the speed of a large product."""
        return self.operations / self.operations_per_s

    def __str__(self) -> str:
        speed = f"{1e-9 * self.operations_per_s:.0f} GFLOP/s"
        return f"{1e-6 * self.operations:.0f} MFLOP at {speed} by {self.threads} thread(s)"


def arithmetic(network: keras.Model, threads: int) -> Arithmetic:
    """Measure a network's arithmetic on this machine.

    Args:
        network: From frames `(B, height, width, 3)`, with all its convolutions at the top.
        threads: Number of threads that multiply.
    """
    large_s, *products_s = _products_s([LARGE, *_products(network)], threads)
    return Arithmetic(_operations(network), 2 * math.prod(LARGE) / large_s, threads, sum(products_s))


def _operations(network: keras.Model) -> int:
    """Return the floating-point operations of one frame."""
    step = tf.function(lambda frame: network(frame, training=False))
    graph = step.get_concrete_function(tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    return int(tf.compat.v1.profiler.profile(graph, options=options).total_float_ops)


def _products(network: keras.Model) -> list[Shape]:
    """Return each convolution as a product: pixels, values under the kernel, filters."""
    return [
        (math.prod(layer.output.shape[1:3]), math.prod(layer.kernel.shape[:3]), layer.filters)
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]


def _products_s(shapes: list[Shape], threads: int) -> Any:
    """Return the shortest time of each product in seconds, in a process with so many threads."""
    command = [sys.executable, "-c", _PRODUCTS_S, json.dumps(shapes)]
    environment = os.environ | dict.fromkeys(_LIMITS, str(threads))
    done = subprocess.run(command, env=environment, capture_output=True, check=True)  # noqa: S603
    return json.loads(done.stdout)
