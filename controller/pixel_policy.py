"""The policy that drives by camera frames and their time stamps alone."""

from collections.abc import Callable
from pathlib import Path

from controller.interface import Command, Observation
from controller.runtime import Runtime, TensorFlowRuntime
from models import checkpoint
from models.preprocessing import Preprocessing


class PixelPolicy:
    """Drives one vehicle by the network.

    Args:
        name: Name of the policy.
        preprocessing: From a camera frame to the network's input.
        runtime: The network, which vehicles may share.
    """

    def __init__(self, name: str, preprocessing: Preprocessing, runtime: Runtime) -> None:
        self.name = name
        self._preprocessing = preprocessing
        self._runtime = runtime
        self._memory = runtime.initial_memory()

    def reset(self) -> None:
        """Forgets the frames seen so far."""
        self._memory = self._runtime.initial_memory()

    def act(self, observation: Observation) -> Command:
        """Returns the command for the newest frame.

        Raises:
            UserError: The frame is not of the shape or type that the policy was trained for.
        """
        frame = self._preprocessing(observation.image)
        outputs, self._memory = self._runtime.step(frame, observation.time_s, self._memory)
        steering, gas, brake = outputs.tolist()
        return Command(steering, gas, brake)


def load_policy_factory(weights: Path) -> Callable[[], PixelPolicy]:
    """Loads weights once and returns a function that makes a policy for each vehicle.

    Raises:
        UserError: The weights cannot be used, and why.
    """
    loaded = checkpoint.load(weights)
    runtime = TensorFlowRuntime(loaded.network)
    return lambda: PixelPolicy(loaded.manifest.name, loaded.manifest.preprocessing, runtime)
