"""The kinematic bicycle: what path a vehicle's steering leads to."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True)
class Bicycle:
    """The geometry of a vehicle.

    Attributes:
        wheelbase_m: Distance between the axles.
        lock_deg: Angle of the front wheels at steering 1.
    """

    wheelbase_m: float
    lock_deg: float

    def curvature_per_m(self, steering: Number) -> Number:
        """Returns the curvature of the rear axle's path at a steering of -1..1, positive to the right."""
        return np.tan(math.radians(self.lock_deg) * steering) / self.wheelbase_m

    def steering(self, curvature_per_m: Number) -> Number:
        """Returns the steering that leads to a curvature, beyond -1..1 where the lock does not reach it."""
        return np.arctan(curvature_per_m * self.wheelbase_m) / math.radians(self.lock_deg)
