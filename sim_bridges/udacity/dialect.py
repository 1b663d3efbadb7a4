"""What the simulator says and wants to hear, as our types: telemetry in, `steer` out."""

from dataclasses import dataclass

from controller.interface import Command
from sim_bridges.udacity.camera import BrokenFrameError
from sim_bridges.udacity.numbers import NotANumberError, read_number, write_number
from sim_bridges.udacity.vehicle import BICYCLE

MPS_PER_MPH = 0.44704

STEER = "steer"
MANUAL = "manual"
TELEMETRY = "telemetry"

_SPEED_MAX_MPH = 200.0


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One telemetry of the simulator.

    Attributes:
        steering: Where the wheels stand, -1 (left) to 1 (right), as a share of the largest steering angle.
        speed_mps: Speed in metres per second.
        image: The camera frame, still as the base64 text that came.
    """

    steering: float
    speed_mps: float
    image: object


def read_telemetry(payload: object) -> Telemetry:
    """Returns what a telemetry event says.

    Raises:
        BrokenFrameError: Something is missing, or out of any vehicle's reach.
    """
    if not isinstance(payload, dict):
        raise BrokenFrameError(f"the telemetry is {type(payload).__name__}, not a table of values")
    speed_mph = _number(payload, "speed")
    steering = _number(payload, "steering_angle") / BICYCLE.lock_deg
    if not -_SPEED_MAX_MPH <= speed_mph <= _SPEED_MAX_MPH:
        raise BrokenFrameError(f"the telemetry has an impossible speed of {speed_mph:g} mph")
    if not -1.1 <= steering <= 1.1:
        raise BrokenFrameError(f"the telemetry has an impossible steering of {steering:g}")
    return Telemetry(steering, abs(speed_mph) * MPS_PER_MPH, payload.get("image"))


def write_command(command: Command) -> dict[str, str]:
    """Returns the payload of the `steer` event for a command; throttle is gas less brake."""
    return {
        "steering_angle": write_number(command.steering),
        "throttle": write_number(command.gas - command.brake),
    }


def _number(payload: dict[str, object], key: str) -> float:
    try:
        return read_number(payload.get(key))
    except NotANumberError as error:
        raise BrokenFrameError(f"the telemetry's {key} cannot be read: {error}") from None
