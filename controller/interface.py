"""The types between simulators and policies: what was seen, what to do, and who decides."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Observation:
    """What a vehicle's sensors saw at one moment.

    Attributes:
        image: Camera frame, RGB, uint8, shape `(height, width, 3)`.
        time_s: Moment of the exposure in seconds, on a clock that only moves forward. Its origin is free.
        speed_mps: Speed over ground in metres per second, None where the simulator does not tell.
    """

    image: NDArray[np.uint8]
    time_s: float
    speed_mps: float | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """What a vehicle is told to do until the next command.

    Attributes:
        steering: -1 (full left) to 1 (full right), as a share of the vehicle's largest steering angle.
        gas: 0 to 1, as a share of full throttle.
        brake: 0 to 1, as a share of full braking.
    """

    steering: float
    gas: float
    brake: float


class Policy(Protocol):
    """Turns the observations of one vehicle into commands; it may remember earlier ones."""

    name: str

    def reset(self) -> None:
        """Forgets the history: the next observation begins a new drive."""

    def act(self, observation: Observation) -> Command:
        """Returns the command for the newest observation."""
