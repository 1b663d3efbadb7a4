"""A scripted driver of CarRacing that has five actions only: steer left or right, gas, brake, or nothing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_bridges.carracing.environment import DISCRETE_COMMANDS, as_action
from training.carracing.expert import DrivingStyle, Expert

# Of Gymnasium's car_dynamics: the largest angle of the front wheels, and how far they turn in a frame.
LARGEST_ANGLE = 0.4
TURN_A_FRAME = 3.0 / 50
GAS, BRAKE = max(c.gas for c in DISCRETE_COMMANDS), max(c.brake for c in DISCRETE_COMMANDS)


@dataclass(frozen=True, slots=True)
class Priorities:
    """What a deviation from the continuous expert's command costs beside one of the wheels' angle.

    Attributes:
        angle_rad: Deviation of the angle, after one frame, that costs 1.
        gas: Cost of missing gas, or of unwanted gas, of the size that there is.
        brake: The same for the brake.
    """

    angle_rad: float
    gas: float
    brake: float


STYLE = DrivingStyle(
    centring=0.004755,
    half_width_m=5.629,
    look_ahead_m=11.9,
    look_ahead_s=0.1619,
    cut_m=3.132,
    steering_gain=1.497,
    slide_gain=0.5584,
    lateral_mps2=269.8,
    pursuit_mps2=203.7,
    braking_mps2=172.7,
    braking_lateral_mps2=267.5,
    top_speed_mps=106.2,
    preview_s=0.2433,
    speed_gain_1ps=8.795,
    traction_mps2=135.2,
    traction_lateral_mps2=186.1,
    slip_mps=12.79,
    slip_range_mps=1.651,
)
PRIORITIES = Priorities(angle_rad=0.07283, gas=0.3429, brake=3.271)
"""Found together with the style by `five_search.py`, on tracks below 9,000."""


class DiscreteExpert:
    """Chooses the action whose effect after one frame is nearest to what the continuous expert wants.

    The front wheels turn by `TURN_A_FRAME` towards the angle that an action asks for, so holding an angle, or
    steering while accelerating, takes turns of two actions.

    Args:
        track: The environment's own `track`.
        style: How the continuous expert drives.
        priorities: What deviations cost.
    """

    def __init__(self, track: Any, style: DrivingStyle, priorities: Priorities) -> None:
        self._expert, self._priorities = Expert(track, style), priorities

    def act(self, car: Any) -> int:
        """Returns the number of the action to take now, from the state of the environment's own `car`."""
        wanted = self._expert.act(car)
        angle = -0.5 * (car.wheels[0].joint.angle + car.wheels[1].joint.angle)
        target = min(max(wanted.steering, -LARGEST_ANGLE), LARGEST_ANGLE)
        costs = [
            ((_turned(angle, offered.steering) - target) / self._priorities.angle_rad) ** 2
            + self._priorities.gas * ((min(wanted.gas, GAS) - offered.gas) / GAS) ** 2
            + self._priorities.brake * ((wanted.brake - offered.brake) / BRAKE) ** 2
            for offered in DISCRETE_COMMANDS
        ]
        return int(np.argmin(costs))

    def distance_m(self, car: Any) -> float:
        """Returns the distance of the car from the nearest point of the line."""
        return self._expert.distance_m(car)


def command_of(action: int) -> NDArray[np.float32]:
    """Returns steering, gas and brake of an action."""
    return as_action(DISCRETE_COMMANDS[action])


def _turned(angle: float, wanted: float) -> float:
    """Returns the angle of the front wheels after one frame."""
    step = min(max(wanted - angle, -TURN_A_FRAME), TURN_A_FRAME)
    return min(max(angle + step, -LARGEST_ANGLE), LARGEST_ANGLE)
