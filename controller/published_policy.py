"""The policy that the authors of the LAN published: one frame in, one steering out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from controller.interface import Command, Observation
from models.published import INPUT_SHAPE, load_published

CAMERA_SHAPE = (160, 320, 3)
ROAD = slice(60, 160 - 25)


class PublishedPolicy:
    """Steers by the newest frame alone; gas and brake are left to the speed control.

    Args:
        name: Name of the policy.
        steer: The compiled network: from an input of `INPUT_SHAPE` to a steering.
    """

    def __init__(self, name: str, steer: Callable[[NDArray[np.float32]], float]) -> None:
        self.name = name
        self._steer = steer

    def reset(self) -> None:
        """Does nothing: there is no history."""

    def act(self, observation: Observation) -> Command:
        """Returns the command for the newest frame.

        Raises:
            ValueError: The frame is not of the camera's shape.
        """
        return Command(self._steer(prepare(observation.image)), 0.0, 0.0)


def prepare(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Returns the network's input for a camera frame: rows 60 to -25, bilinearly to 200x66, YUV."""
    if image.shape != CAMERA_SHAPE:
        raise ValueError(f"the published policy takes frames of shape {CAMERA_SHAPE}, not {image.shape}")
    height, width, _ = INPUT_SHAPE
    resized = cv2.resize(image[ROAD], (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(resized, cv2.COLOR_RGB2YUV).astype(np.float32)


def load_published_factory(weights: Path) -> Callable[[], PublishedPolicy]:
    """Loads a published file once and returns a function that makes a policy for each vehicle.

    Raises:
        UserError: The file is refused, and why.
    """
    steer = _compiled(load_published(weights))
    return lambda: PublishedPolicy(weights.stem, steer)


def _compiled(network: Any) -> Callable[[NDArray[np.float32]], float]:
    import tensorflow as tf

    graph = tf.function(lambda frame: network(frame[None], training=False)[0, 0], autograph=False)
    compiled = graph.get_concrete_function(tf.TensorSpec(INPUT_SHAPE, tf.float32))
    return lambda frame: float(compiled(tf.constant(frame)))
