"""Networks as TensorFlow graphs of fixed shapes: the reference, and for weights that are not exported."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from controller.runtime import Runtime
from models import checkpoint
from models.checkpoint import PUBLISHED_SUFFIX
from models.driver import LanDriver
from models.published import INPUT_SHAPE, load_published


def load_with_tensorflow(weights: Path) -> Runtime:
    """Returns the network of a `.weights.h5` or of a published `.keras` file, warmed up.

    Raises:
        UserError: The file cannot be used, and why.
    """
    if weights.suffix == PUBLISHED_SUFFIX:
        return PublishedRuntime(load_published(weights))
    return DriverRuntime(checkpoint.load(weights).network)


class DriverRuntime:
    """A driving network.

    Args:
        network: The network.
    """

    def __init__(self, network: LanDriver) -> None:
        def step(frame: Any, time_s: Any, memory: Any) -> Any:
            outputs, memory = network.step(frame[None], time_s[None], memory)
            return outputs[0], memory

        self._initial_memory = network.initial_state()
        self._step = tf.function(step, autograph=False).get_concrete_function(
            tf.TensorSpec(network.image_shape, tf.uint8),
            tf.TensorSpec((), tf.float64),
            tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), self._initial_memory),
        )
        self.step(np.zeros(network.image_shape, np.uint8), 0.0, self._initial_memory)

    def initial_memory(self) -> Any:
        """Returns the memory of a drive that has seen no frame yet."""
        return self._initial_memory

    def step(self, frame: NDArray[np.uint8], time_s: float, memory: Any) -> tuple[NDArray[np.float32], Any]:
        """Returns the network's outputs and the new memory."""
        outputs, memory = self._step(tf.constant(frame), tf.constant(time_s, "float64"), memory)
        return outputs.numpy(), memory


class PublishedRuntime:
    """A published network, which decides by the newest frame alone.

    Args:
        network: The network: frames `(B, 66, 200, 3)` in, steering `(B, 1)` out.
    """

    def __init__(self, network: Any) -> None:
        def step(frame: Any) -> Any:
            return network(tf.cast(frame, "float32")[None], training=False)[0]

        self._step = tf.function(step, autograph=False).get_concrete_function(
            tf.TensorSpec(INPUT_SHAPE, tf.uint8)
        )
        self.step(np.zeros(INPUT_SHAPE, np.uint8), 0.0, None)

    def initial_memory(self) -> None:
        """Returns None: there is nothing to remember."""

    def step(self, frame: NDArray[np.uint8], time_s: float, memory: None) -> tuple[NDArray[np.float32], None]:
        """Returns the steering."""
        return self._step(tf.constant(frame)).numpy(), None
