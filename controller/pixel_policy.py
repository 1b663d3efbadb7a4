"""The policy that drives by camera frames and their time stamps alone."""

import math
from collections.abc import Callable
from pathlib import Path

from controller.interface import Command, Observation
from controller.runtime import LoadedNetwork, RuntimeChoice, load_network
from models.errors import UserError

FORGET_AFTER_S = 5.0
"""A pause after which a drive begins anew: no training had one as long, and a policy that reads its length
steers worse than one that remembers nothing."""


class PixelPolicy:
    """Drives one vehicle by a network.

    Args:
        loaded: The network, which vehicles may share. What it does not decide, such as the pedals where it
            only steers, stays at zero.

    Raises:
        UserError: The network does not steer.
    """

    def __init__(self, loaded: LoadedNetwork) -> None:
        self.name = loaded.manifest.name
        self._preprocessing = loaded.manifest.preprocessing
        self._outputs = tuple(loaded.manifest.outputs)
        if "steering" not in self._outputs:
            raise UserError(f"The policy {self.name} does not steer: its manifest names no such output.")
        self._runtime = loaded.runtime
        self.runtime = loaded.choice
        self.reset()

    def reset(self) -> None:
        """Forgets the frames seen so far."""
        self._memory = self._runtime.initial_memory()
        self._newest_s = math.inf  # There is nothing to forget yet.

    def act(self, observation: Observation) -> Command:
        """Returns the command for the newest frame; a long pause before it begins a new drive.

        Raises:
            UserError: The frame is not of the shape or type that the policy was trained for.
        """
        if observation.time_s - self._newest_s > FORGET_AFTER_S:
            self.reset()
        frame = self._preprocessing(observation.image)
        outputs, self._memory = self._runtime.step(frame, observation.time_s, self._memory)
        self._newest_s = observation.time_s
        decided = dict(zip(self._outputs, outputs.tolist(), strict=True))
        return Command(decided["steering"], decided.get("gas", 0.0), decided.get("brake", 0.0))


def load_policy_factory(
    weights: Path, runtime: RuntimeChoice = RuntimeChoice.AUTO, threads: int = 1
) -> Callable[[], PixelPolicy]:
    """Loads weights once and returns a function that makes a policy for each vehicle.

    Args:
        weights: A `.weights.h5`, `.keras` or `.tflite` file.
        runtime: What is to run the network.
        threads: Number of threads that compute in LiteRT.

    Raises:
        UserError: The weights cannot be used, and why.
    """
    loaded = load_network(weights, runtime, threads)
    return lambda: PixelPolicy(loaded)
