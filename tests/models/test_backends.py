"""The layer on Keras' other backends, each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("solvers", "gates", "equation", "queries", "factorised", "lan", "streaming")
SUITE = [f"tests/models/test_{name}.py" for name in MODULES]
PART = "pairwise or float32_precision or age or masked or steps_equal or add_up or equation or queries"


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="runs once, beside TensorFlow")
# Keras' NumPy backend imports JAX as well.
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.parametrize("backend", ["jax", "numpy"])
def test_the_layer_runs_on(backend):
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", PART, *SUITE],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    assert " passed" in result.stdout
