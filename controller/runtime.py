"""The network as a compiled function of fixed shapes."""

import os
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.driver import LanDriver


class Runtime(Protocol):
    """Runs the driving network for one vehicle at a time; what it remembers is the caller's."""

    def initial_memory(self) -> Any:
        """Returns the memory of a drive that has seen no frame yet."""

    def step(self, frame: NDArray[np.uint8], time_s: float, memory: Any) -> tuple[NDArray[np.float32], Any]:
        """Returns the network's outputs, shape `(outputs,)`, and the new memory.

        Args:
            frame: The network's input, uint8, shape `(height, width, 3)`.
            time_s: Moment of the frame in seconds.
            memory: What `initial_memory` or the last `step` returned.
        """


class TensorFlowRuntime:
    """A network as one TensorFlow graph, warmed up on construction.

    Args:
        network: The network.
    """

    def __init__(self, network: LanDriver) -> None:
        import tensorflow as tf

        def step(frame: Any, time_s: Any, memory: Any) -> Any:
            outputs, memory = network.step(frame[None], time_s[None], memory)
            return outputs[0], memory

        self._initial_memory = network.initial_state()
        self._step = tf.function(step, autograph=False).get_concrete_function(
            tf.TensorSpec(network.image_shape, tf.uint8),
            tf.TensorSpec((), tf.float64),
            tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), self._initial_memory),
        )
        self._constant = tf.constant
        self.step(np.zeros(network.image_shape, np.uint8), 0.0, self._initial_memory)

    def initial_memory(self) -> Any:
        """Returns the memory of a drive that has seen no frame yet."""
        return self._initial_memory

    def step(self, frame: NDArray[np.uint8], time_s: float, memory: Any) -> tuple[NDArray[np.float32], Any]:
        """Returns the network's outputs and the new memory."""
        outputs, memory = self._step(self._constant(frame), self._constant(time_s, "float64"), memory)
        return outputs.numpy(), memory


def limit_threads(count: int) -> None:
    """Gives TensorFlow this many threads; must run before its first operation in the process.

    The network is too small to gain from more than one, and processes that drive side by side must not
    fight for cores.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(count)
