"""The simulator's car: a kinematic bicycle, and how throttle becomes speed."""

from dataclasses import dataclass, replace

import numpy as np

from controller.bicycle import Bicycle, Number

BICYCLE = Bicycle(wheelbase_m=2.87, lock_deg=25.0)
TOP_SPEED_MPS = 13.5
REVERSE_BELOW_MPS = 2.2352
"""Below 5 mph a negative throttle drives backwards."""

# From a recording, driven by hand: full throttle gains 4.6 m/s2, a rolling car loses a quarter of its speed
# in a second, and a negative throttle below 5 mph gains 1.3 m/s2 backwards. How hard it brakes above is not
# documented. The car of the wire transcripts, another build, is slower: 0.4 m/s2 at a throttle of 0.2, with a
# fifth of the drag. The speed control's gains are for that one, and keep the speed of this one too.
FULL_THROTTLE_MPS2 = 4.6
ROLLING_DRAG_PER_S = 0.25
REVERSE_MPS2 = 1.3
BRAKING_MPS2 = 6.0


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the middle of the rear axle is, and where the car points.

    Attributes:
        x_m: Metres to the east.
        y_m: Metres to the north.
        heading_rad: Clockwise from north.
    """

    x_m: float
    y_m: float
    heading_rad: float

    def seen_from(self, other: "Pose") -> tuple[float, float, float]:
        """Returns metres to the right of another pose, metres ahead of it, and the turn to the right."""
        east, north = self.x_m - other.x_m, self.y_m - other.y_m
        sin, cos = np.sin(other.heading_rad), np.cos(other.heading_rad)
        turn = (self.heading_rad - other.heading_rad + np.pi) % (2 * np.pi) - np.pi
        return float(east * cos - north * sin), float(east * sin + north * cos), float(turn)

    def moved(self, right_m: float = 0.0, ahead_m: float = 0.0, turn_rad: float = 0.0) -> "Pose":
        """Returns the pose that is seen from here at these metres and this turn."""
        sin, cos = np.sin(self.heading_rad), np.cos(self.heading_rad)
        return Pose(
            float(self.x_m + right_m * cos + ahead_m * sin),
            float(self.y_m - right_m * sin + ahead_m * cos),
            self.heading_rad + turn_rad,
        )

    def steered(self, steering: float, ahead_m: float) -> "Pose":
        """Returns the pose some metres further under one steering, -1..1; a metre is far enough."""
        turn = float(BICYCLE.curvature_per_m(steering)) * ahead_m
        middle = replace(self, heading_rad=self.heading_rad + turn / 2)
        return middle.moved(ahead_m=ahead_m, turn_rad=turn / 2)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A moving car.

    Attributes:
        pose: Where it is.
        speed_mps: Metres a second, negative backwards.
    """

    pose: Pose
    speed_mps: float

    def driven(self, steering: float, throttle: float, step_s: float) -> "Vehicle":
        """Returns the car after a short time under one command.

        Args:
            steering: -1 (full left) to 1 (full right).
            throttle: -1 to 1 as the simulator takes it.
            step_s: Seconds, some hundredths at most.
        """
        speed_mps = _speed_after(self.speed_mps, throttle, step_s)
        mean_mps = (self.speed_mps + speed_mps) / 2
        return Vehicle(self.pose.steered(steering, mean_mps * step_s), speed_mps)


def steering_for(curvature_per_m: Number) -> Number:
    """Returns the steering, -1..1, that leads to a curvature in 1/m or comes closest to it."""
    return np.clip(BICYCLE.steering(curvature_per_m), -1.0, 1.0)


def _speed_after(speed_mps: float, throttle: float, step_s: float) -> float:
    if throttle >= 0:
        drag = ROLLING_DRAG_PER_S * (1 - throttle) * speed_mps
        return min(speed_mps + (FULL_THROTTLE_MPS2 * throttle - drag) * step_s, TOP_SPEED_MPS)
    force = BRAKING_MPS2 if speed_mps > REVERSE_BELOW_MPS else REVERSE_MPS2
    return max(speed_mps + throttle * force * step_s, -TOP_SPEED_MPS)
