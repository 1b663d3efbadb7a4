"""A scripted driver who knows the track and the car's state, for the network to learn from."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from controller.interface import Command
from training.carracing.track import smooth_line, speed_profile

# The car of Gymnasium's car_dynamics: wheelbase; engine power over moment of inertia of a wheel times its
# radius, over the car's apparent mass with its four wheels spinning; and the deceleration of a full brake.
WHEELBASE_M = 3.24
ENGINE_MPS2_RADPS = 5068.0
ENGINE_OFFSET_RADPS = 5.0
FULL_BRAKE_MPS2 = 304.0
# From 0.9 on the environment locks the wheels.
MAX_BRAKE = 0.8


@dataclass(frozen=True, slots=True)
class DrivingStyle:
    """How the expert drives: the result of a search over random tracks for the highest mean score.

    Attributes:
        centring: Pull of the line towards the centre of the road, see `smooth_line`.
        half_width_m: Largest offset of the line from the centre of the road.
        look_ahead_m: Distance of the pursued point at standstill.
        look_ahead_s: What each m/s of speed adds to that distance.
        cut_m: How far the chord to the pursued point may lie inside of the line's bend.
        steering_gain: Factor on the curvature that pure pursuit asks for; above 1 it makes up for understeer.
        slide_gain: Steering against the hull's sideways motion, rad per rad of slip angle.
        lateral_mps2: Lateral acceleration in the line's corners.
        pursuit_mps2: Lateral acceleration on the arc to the pursued point; it slows a car that left the line.
        braking_mps2: Deceleration on straights.
        braking_lateral_mps2: Lateral acceleration at which nothing is left for braking.
        top_speed_mps: Speed on straights.
        preview_s: How far ahead in time the target speed is read.
        speed_gain_1ps: Acceleration asked for per m/s of missing speed.
        traction_mps2: Forward acceleration, without cornering, up to which the rear tyres hold.
        traction_lateral_mps2: Lateral acceleration at which nothing is left for forward acceleration.
        slip_mps: Rear wheel slip above which gas is taken back.
        slip_range_mps: Further slip over which gas falls to zero.
    """

    centring: float
    half_width_m: float
    look_ahead_m: float
    look_ahead_s: float
    cut_m: float
    steering_gain: float
    slide_gain: float
    lateral_mps2: float
    pursuit_mps2: float
    braking_mps2: float
    braking_lateral_mps2: float
    top_speed_mps: float
    preview_s: float
    speed_gain_1ps: float
    traction_mps2: float
    traction_lateral_mps2: float
    slip_mps: float
    slip_range_mps: float


@dataclass(frozen=True, slots=True)
class CarState:
    """Where the car is and how it moves, in metres, seconds and radians."""

    x: float
    y: float
    forward: tuple[float, float]
    velocity: tuple[float, float]
    yaw_rate: float
    rear_wheel_radps: float
    rear_wheel_mps: float

    @classmethod
    def of(cls, car: Any) -> "CarState":
        """Reads the state of the environment's own `car`."""
        hull, wheel = car.hull, car.wheels[2]
        rear = 0.5 * (car.wheels[2].omega + car.wheels[3].omega)
        x, y = hull.position
        return cls(
            x=x,
            y=y,
            forward=(-math.sin(hull.angle), math.cos(hull.angle)),
            velocity=tuple(hull.linearVelocity),
            yaw_rate=hull.angularVelocity,
            rear_wheel_radps=rear,
            rear_wheel_mps=rear * wheel.wheel_rad,
        )


class Expert:
    """Pure pursuit along a smooth line, at the speeds that tyres allow.

    Args:
        track: The environment's own `track`.
        style: How to drive.
    """

    def __init__(self, track: Any, style: DrivingStyle) -> None:
        self.style = style
        self.line = smooth_line(track, style.centring, style.half_width_m)
        self._xs, self._ys = self.line.points.T.tolist()
        self._gaps = self.line.gaps.tolist()
        self._turns = (self.line.curvature * self.line.gaps).tolist()
        self._speeds = speed_profile(self.line, style).tolist()
        self._nearest: int | None = None

    def act(self, car: Any) -> Command:
        """Returns what to do now, from the state of the environment's own `car`."""
        state = CarState.of(car)
        speed = math.hypot(*state.velocity)
        point = self._locate(state)
        curvature = self._pursue(state, speed, point)
        gas, brake = self._pedals(state, speed, self._target_speed(speed, point, curvature))
        return Command(self._steer(state, speed, curvature), gas, brake)

    def distance_m(self, car: Any) -> float:
        """Returns the distance of the car from the nearest point of the line."""
        x, y = car.hull.position
        return float(np.hypot(self.line.points[:, 0] - x, self.line.points[:, 1] - y).min())

    def _pursue(self, state: CarState, speed: float, point: tuple[int, float]) -> float:
        """Returns the curvature in 1/m, positive to the right, of the arc to the pursued point."""
        index, along = point
        reach = self._reach(index, along, self.style.look_ahead_m + self.style.look_ahead_s * speed)
        x, y = self._at(self._ahead(index, along + reach))
        to_x, to_y = x - state.x, y - state.y
        right_of_nose = to_x * state.forward[1] - to_y * state.forward[0]
        return 2 * right_of_nose / (to_x * to_x + to_y * to_y)

    def _reach(self, index: int, along: float, wanted_m: float) -> float:
        """Returns as much of a distance as its chord does not cut too far: by an arc's length x angle / 8."""
        distance, turned = -along, 0.0
        while distance < wanted_m:
            distance += self._gaps[index]
            index = (index + 1) % len(self._gaps)
            turned += self._turns[index]
            if distance * abs(turned) > 8 * self.style.cut_m:
                break
        return max(min(distance, wanted_m), 1.0)

    def _steer(self, state: CarState, speed: float, curvature: float) -> float:
        slide = state.velocity[0] * state.forward[1] - state.velocity[1] * state.forward[0]
        angle = math.atan(self.style.steering_gain * WHEELBASE_M * curvature)
        angle += self.style.slide_gain * slide / max(speed, 10.0)
        return min(max(angle, -1.0), 1.0)

    def _target_speed(self, speed: float, point: tuple[int, float], curvature: float) -> float:
        index, share = self._ahead(point[0], point[1] + speed * self.style.preview_s)
        following = self._speeds[(index + 1) % len(self._speeds)]
        target = self._speeds[index] + share * (following - self._speeds[index])
        return min(target, math.sqrt(self.style.pursuit_mps2 / max(abs(curvature), 1e-6)))

    def _pedals(self, state: CarState, speed: float, target: float) -> tuple[float, float]:
        style = self.style
        acceleration = style.speed_gain_1ps * (target - speed)
        if acceleration < 0:
            return 0.0, min(-acceleration / FULL_BRAKE_MPS2, MAX_BRAKE)
        cornering = min(abs(speed * state.yaw_rate) / style.traction_lateral_mps2, 1.0)
        acceleration = min(acceleration, style.traction_mps2 * math.sqrt(1.0 - cornering * cornering))
        gas = min(acceleration * (state.rear_wheel_radps + ENGINE_OFFSET_RADPS) / ENGINE_MPS2_RADPS, 1.0)
        return gas * self._grip(state), 0.0

    def _grip(self, state: CarState) -> float:
        along = state.velocity[0] * state.forward[0] + state.velocity[1] * state.forward[1]
        excess = state.rear_wheel_mps - along - self.style.slip_mps
        return min(max(1.0 - excess / self.style.slip_range_mps, 0.0), 1.0)

    def _locate(self, state: CarState) -> tuple[int, float]:
        """Returns the nearest point of the line and the distance in metres driven from there on."""
        count = len(self._xs)
        near = self._nearest
        candidates = range(count) if near is None else range(near - 6, near + 12)
        self._nearest = min(
            (c % count for c in candidates),
            key=lambda c: (self._xs[c] - state.x) ** 2 + (self._ys[c] - state.y) ** 2,
        )
        here, after = self._nearest, (self._nearest + 1) % count
        step_x, step_y = self._xs[after] - self._xs[here], self._ys[after] - self._ys[here]
        along = ((state.x - self._xs[here]) * step_x + (state.y - self._ys[here]) * step_y) / self._gaps[here]
        return here, along

    def _ahead(self, index: int, distance_m: float) -> tuple[int, float]:
        """Returns the point that lies a distance behind `index` on the line, with its share of the gap."""
        count = len(self._gaps)
        while distance_m < 0:
            index = (index - 1) % count
            distance_m += self._gaps[index]
        while distance_m > self._gaps[index]:
            distance_m -= self._gaps[index]
            index = (index + 1) % count
        return index, distance_m / self._gaps[index]

    def _at(self, place: tuple[int, float]) -> tuple[float, float]:
        here, share = place
        after = (here + 1) % len(self._xs)
        return (
            self._xs[here] + share * (self._xs[after] - self._xs[here]),
            self._ys[here] + share * (self._ys[after] - self._ys[here]),
        )
