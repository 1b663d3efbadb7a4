"""Longitudinal control: gas and brake that bring a vehicle to a target speed and keep it there.

The target follows the curvature of the steered path, so that the vehicle slows down before it turns hard. A
feed-forward term holds the speed on the flat, a proportional and an integral term do the rest. Pure, like
the safety envelope: time is an argument.
"""

import math
from dataclasses import dataclass

from controller.bicycle import Bicycle


@dataclass(frozen=True, slots=True)
class CruiseSettings:
    """What speed to keep, and how.

    Attributes:
        speed_mps: Speed on a straight road.
        bicycle: The vehicle's geometry.
        feed_forward_per_mps: Gas that holds 1 m/s on the flat.
        feed_forward_per_mps2: Gas that accelerates by 1 m/s^2.
        proportional_per_mps: Gas for 1 m/s of error.
        integral_per_m: Gas for 1 m/s of error over 1 s.
        lateral_acceleration_mps2: Lateral acceleration that sets the speed in a curve.
        speed_in_curve_min_mps: Curves never lower the target below this speed.
        steering_time_s: Time constant of the smoothing of the steering, so that twitches do not slow the
            vehicle.
        target_rise_mps2: How fast the target may rise.
        target_fall_mps2: How fast the target may fall.
        integral_min: Lowest integral part; a lower one would let the vehicle sag after a descent.
        integral_max: Highest integral part; a higher one would let it surge after a climb.
        coasting: Width of the zone between gas and brake, in which the vehicle rolls.
        step_max_s: Longest time between two frames that counts.
    """

    speed_mps: float
    bicycle: Bicycle
    feed_forward_per_mps: float
    feed_forward_per_mps2: float
    proportional_per_mps: float
    integral_per_m: float
    lateral_acceleration_mps2: float = 4.0
    speed_in_curve_min_mps: float = 3.0
    steering_time_s: float = 0.3
    target_rise_mps2: float = 1.0
    target_fall_mps2: float = 3.0
    integral_min: float = -0.1
    integral_max: float = 0.6
    coasting: float = 0.05
    step_max_s: float = 0.2


@dataclass(frozen=True, slots=True)
class CruiseMemory:
    """What the speed control remembers from frame to frame.

    Attributes:
        time_s: Time of the last frame.
        target_mps: Speed that was aimed at.
        steering: Smoothed magnitude of the steering.
        integral: Integral part of the gas.
    """

    time_s: float
    target_mps: float
    steering: float
    integral: float


@dataclass(frozen=True, slots=True)
class Pedals:
    """Gas and brake, each 0 to 1, never both."""

    gas: float
    brake: float


def curve_speed_mps(steering: float, settings: CruiseSettings) -> float:
    """Returns the speed of the set lateral acceleration in the steered curve, at most the set speed."""
    curvature_per_m = float(settings.bicycle.curvature_per_m(min(abs(steering), 1.0)))
    if curvature_per_m * settings.speed_mps**2 <= settings.lateral_acceleration_mps2:
        return settings.speed_mps
    in_curve_mps = math.sqrt(settings.lateral_acceleration_mps2 / curvature_per_m)
    return min(settings.speed_mps, max(in_curve_mps, settings.speed_in_curve_min_mps))


def cruise(
    memory: CruiseMemory | None, time_s: float, speed_mps: float, steering: float, settings: CruiseSettings
) -> tuple[CruiseMemory, Pedals]:
    """Returns the pedals for a frame.

    Args:
        memory: What the last frame returned; None when the vehicle has just been taken over.
        time_s: Time of the frame.
        speed_mps: Present speed.
        steering: Proposed steering, -1 to 1.
        settings: What speed to keep, and how.
    """
    if memory is None:
        memory = CruiseMemory(time_s, min(speed_mps, settings.speed_mps), abs(steering), 0.0)
    step_s = min(max(time_s - memory.time_s, 0.0), settings.step_max_s)
    share = step_s / (settings.steering_time_s + step_s)
    smoothed = memory.steering + share * (abs(steering) - memory.steering)
    target_mps = _followed(memory.target_mps, curve_speed_mps(smoothed, settings), step_s, settings)
    slope_mps2 = (target_mps - memory.target_mps) / step_s if step_s else 0.0
    error_mps = target_mps - speed_mps
    effort = (
        settings.feed_forward_per_mps * target_mps
        + settings.feed_forward_per_mps2 * max(slope_mps2, 0.0)
        + settings.proportional_per_mps * error_mps
        + memory.integral
    )
    integral = _integrated(memory.integral, effort, error_mps, step_s, settings)
    return CruiseMemory(time_s, target_mps, smoothed, integral), _pedals(effort, settings)


def _followed(target_mps: float, wanted_mps: float, step_s: float, settings: CruiseSettings) -> float:
    lowest = target_mps - settings.target_fall_mps2 * step_s
    highest = target_mps + settings.target_rise_mps2 * step_s
    return min(max(wanted_mps, lowest), highest)


def _integrated(
    integral: float, effort: float, error_mps: float, step_s: float, settings: CruiseSettings
) -> float:
    """Returns the integral part; it rests while it would push pedals further that are at their end."""
    if (effort >= 1.0 and error_mps > 0.0) or (effort <= -1.0 and error_mps < 0.0):
        return integral
    grown = integral + settings.integral_per_m * error_mps * step_s
    return min(max(grown, settings.integral_min), settings.integral_max)


def _pedals(effort: float, settings: CruiseSettings) -> Pedals:
    if effort >= 0.0:
        return Pedals(min(effort, 1.0), 0.0)
    return Pedals(0.0, min(max(-effort - settings.coasting, 0.0), 1.0))
