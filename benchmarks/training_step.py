"""One training step of the driving network against the same with softmax attention in the layer's place.

Both have the same encoder and heads and get a batch of 24 sequences of 24 frames of 64 x 64 pixels; the
attention sees a window of 8 frames. The ratio is our time divided by that with softmax attention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.timing import NETWORKS, Row, alternate, ratio_row
from models.driver import LanDriver
from models.masking import causal

PACKAGES = NETWORKS
BATCH = 24
FRAMES = 24
SIZE = 64
SECONDS = 20.0


def run() -> list[Row]:
    """Return the ratio of the times of one training step."""
    functions = {}
    for name, attends in (("lan", None), ("softmax", SoftmaxAttention)):
        network = LanDriver(image_shape=(SIZE, SIZE, 3))
        if attends is not None:
            network.attention = attends(
                network.attention.d_model, network.attention.num_heads, network.window
            )
        functions[name] = training_step(network)
    rounds = alternate(functions, SECONDS)
    return [
        ratio_row("training_step.vs_softmax", rounds, "lan", "softmax", "softmax attention instead", "<= 1.1")
    ]


class SoftmaxAttention(keras.layers.Layer):
    """Keras' `MultiHeadAttention` over a window, called as the driving network calls its attention."""

    def __init__(self, features: int, heads: int, window: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = keras.layers.MultiHeadAttention(heads, features // heads)
        self.window = window

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        self.attention.build(input_shape[0], input_shape[0])

    def call(self, inputs: Any) -> Any:
        """Attend the newest frames; their time stamps play no part."""
        features, _ = inputs
        length = ops.shape(features)[1]
        mask = causal(ops.arange(length), length, self.window)
        return self.attention(features, features, attention_mask=mask[None])


def training_step(network: keras.Model) -> Callable[[], Any]:
    """Return one training step of a network on a random batch, which has run once."""
    random = np.random.default_rng(0)
    times_s = np.tile(np.arange(FRAMES) * 0.05, (BATCH, 1)).astype("float32")
    inputs = {
        "frames": random.integers(0, 256, size=(BATCH, FRAMES, SIZE, SIZE, 3), dtype=np.uint8),
        "times_s": times_s,
        "intervals_s": np.diff(times_s, axis=1, prepend=0).astype("float32"),
    }
    commands = random.uniform(-1, 1, size=(BATCH, FRAMES, 3)).astype("float32")
    network.compile(optimizer="adam", loss="mse")

    def step() -> Any:
        return network.train_on_batch(inputs, commands)

    step()
    return step
