"""The safety envelope: the last word on every command, as a pure state machine.

Each frame passes here, whether the policy has proposed a command for it or something went wrong. The
envelope keeps commands finite, within bounds and within rates that shrink with speed; it decides when a
vehicle may drive, when it only holds and slows down, and when it has to stop. It does no I/O and reads no
clock: `advance` takes what is remembered and what happened, and returns what to remember and what to do.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum

from controller.bicycle import Bicycle
from controller.interface import Command


class State(Enum):
    """Who decides about a vehicle, and how much."""

    READY = "ready"
    """Nothing has been decided yet."""

    DRIVING = "driving"
    """The policy drives within the limits."""

    DEGRADED = "degraded"
    """Frames are stale or broken: the last command is held for a moment, then the vehicle slows down."""

    STOPPING = "stopping"
    """The minimum-risk manoeuvre: straighten, brake to a standstill, stay there."""

    MANUAL = "manual"
    """A human drives."""

    FAULT = "fault"
    """Stopped after a failure until the operator resumes."""


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """What a vehicle may be told to do.

    Attributes:
        bicycle: The vehicle's geometry.
        speed_max_mps: Above this speed there is no gas.
        brake_speed_min_mps: Below this speed there is no brake.
        lateral_acceleration_max_mps2: Bounds the steering at speed.
        lateral_jerk_max_mps3: Bounds the steering rate at speed.
        steering_rate_max_per_s: Bounds the steering rate at any speed, in shares of full steering per second.
        steering_ramp_s: Shortest time in which the steering rate may rise from zero to its bound.
        gas_max: Largest gas.
        gas_rise_max_per_s: Fastest rise of the gas; it may fall at once.
        brake_max: Largest brake.
        speed_trust_s: How long a speed counts as known after it was last told.
        hold_s: How long the last good command is held when frames are broken.
        degraded_max_s: How long after it frames may stay broken before the vehicle has to stop.
        degraded_brake: Brake while slowing down in DEGRADED.
        stop_brake: Brake of the minimum-risk manoeuvre.
        stop_max_s: Time after which a stop for failure counts as done even if no speed confirms it.
        standstill_mps: Below this speed the vehicle stands.
        step_max_s: Longest time between two commands that counts for the rates.
    """

    bicycle: Bicycle
    speed_max_mps: float
    brake_speed_min_mps: float
    lateral_acceleration_max_mps2: float = 10.0
    lateral_jerk_max_mps3: float = 20.0
    steering_rate_max_per_s: float = 4.0
    steering_ramp_s: float = 0.1
    gas_max: float = 1.0
    gas_rise_max_per_s: float = 1.0
    brake_max: float = 1.0
    speed_trust_s: float = 0.5
    hold_s: float = 0.3
    degraded_max_s: float = 2.0
    degraded_brake: float = 0.2
    stop_brake: float = 0.6
    stop_max_s: float = 20.0
    standstill_mps: float = 0.2
    step_max_s: float = 0.1

    def steering_bound(self, speed_mps: float) -> float:
        """Largest steering at a speed, from the lateral acceleration of the bicycle."""
        curvature_per_m = self.lateral_acceleration_max_mps2 / _sensible(speed_mps) ** 2
        return min(1.0, float(self.bicycle.steering(curvature_per_m)))

    def steering_rate_bound_per_s(self, speed_mps: float) -> float:
        """Largest steering rate at a speed, from the lateral jerk of the bicycle with its wheels ahead."""
        curvature_rate_per_m_s = self.lateral_jerk_max_mps3 / _sensible(speed_mps) ** 2
        angle_rate_rad_per_s = curvature_rate_per_m_s * self.bicycle.wheelbase_m
        return min(self.steering_rate_max_per_s, math.degrees(angle_rate_rad_per_s) / self.bicycle.lock_deg)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that needs a command.

    Attributes:
        time_s: When the command is given, on a clock that only moves forward.
        proposal: What the policy and the speed control propose; None where they failed.
        failure: Why there is no proposal.
        speed_mps: Speed, where the vehicle told it.
        steering: Where the wheels stand, where the vehicle told it.
    """

    time_s: float
    proposal: Command | None
    failure: str = "no proposal"
    speed_mps: float | None = None
    steering: float | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """No frame has come for too long; there is nothing to answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unheard:
    """The vehicle is told to roll without gas, since nothing is heard of it."""


@dataclass(frozen=True, slots=True)
class HumanDrives:
    """A human has taken over the controls."""

    reason: str = "the driver took over"


@dataclass(frozen=True, slots=True)
class StopOrder:
    """The vehicle has to stop.

    Attributes:
        reason: Why.
        failed: Whether it failed before, so that the stop ends in FAULT.
    """

    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ResumeOrder:
    """The operator lets a stopped vehicle drive again."""

    reason: str


REST = Command(0.0, 0.0, 0.0)

Event = Frame | Silence | Unheard | HumanDrives | StopOrder | ResumeOrder


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state and why it came."""

    before: State
    after: State
    reason: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the envelope remembers of one vehicle from frame to frame.

    Attributes:
        state: The state after the last event.
        command: The last command.
        steering_rate_per_s: How fast the steering moved with the last command.
        time_s: When the last command was given.
        speed_mps: The last known speed.
        speed_time_s: When it was told.
        state_s: Time that was commanded since the last good command in DRIVING and DEGRADED, and in the
            present STOPPING; silences left out.
        steering_unknown: Whether the wheels may stand elsewhere than commanded.
        silent: Whether no frame came for too long since the last command.
        failed: Whether the stop came from a failure, so that it ends in FAULT.
    """

    state: State = State.READY
    command: Command = REST
    steering_rate_per_s: float = 0.0
    time_s: float | None = None
    speed_mps: float | None = None
    speed_time_s: float = -math.inf
    state_s: float = 0.0
    steering_unknown: bool = True
    silent: bool = False
    failed: bool = False

    def known_speed_mps(self, limits: SafetyLimits) -> float | None:
        """Returns the speed as long as it can be trusted."""
        if self.time_s is None or self.time_s - self.speed_time_s > limits.speed_trust_s:
            return None
        return self.speed_mps


def advance(memory: Memory, event: Event, limits: SafetyLimits) -> tuple[Memory, Transition | None]:
    """Returns what is remembered after an event, the command with it, and the change of state if any."""
    match event:
        case Frame():
            return _frame(memory, event, limits)
        case HumanDrives():
            hands_on = replace(memory, command=_coasting(memory.command), steering_unknown=True)
            if memory.state in (State.STOPPING, State.FAULT):
                return hands_on, None
            return _enter(hands_on, State.MANUAL, event.reason)
        case Silence():
            silent, transition = replace(memory, silent=True), None
            if memory.state is State.DRIVING:
                silent, transition = _enter(silent, State.DEGRADED, event.reason)
            if silent.state is State.DEGRADED:
                silent = replace(silent, state_s=max(silent.state_s, limits.hold_s))
            return silent, transition
        case Unheard():
            return replace(memory, command=_coasting(memory.command)), None
        case StopOrder():
            if memory.state in (State.STOPPING, State.FAULT):
                return memory, None
            return _enter(replace(memory, failed=event.failed), State.STOPPING, event.reason)
    if memory.state not in (State.STOPPING, State.FAULT):
        return memory, None
    return _enter(replace(memory, failed=False), State.READY, event.reason)


_STEP_MIN_S = 1e-6


def _frame(memory: Memory, frame: Frame, limits: SafetyLimits) -> tuple[Memory, Transition | None]:
    sensed = _sense(memory, frame)
    just_told = memory.steering_unknown and not sensed.steering_unknown
    step_s = 0.0 if just_told else _step_s(memory, frame)
    short_s = min(step_s, limits.step_max_s)
    # A silence is no frame that is broken: after a pause of minutes one of them must not end in FAULT.
    counted_s = short_s if sensed.silent else step_s
    # While it drives, the last command was a good one.
    state_s = counted_s if sensed.state is State.DRIVING else sensed.state_s + counted_s
    settled, transition = _settle_state(replace(sensed, state_s=state_s, silent=False), frame, limits)
    wanted = _wanted(settled, frame, limits)
    return _limited(settled, wanted, short_s, limits), transition


def _step_s(memory: Memory, frame: Frame) -> float:
    """Returns the time since the last command, 0 for the first one and for a clock that stepped back."""
    return 0.0 if memory.time_s is None else max(0.0, frame.time_s - memory.time_s)


def _sense(memory: Memory, frame: Frame) -> Memory:
    """Takes over what the vehicle tells about itself."""
    sensed = replace(memory, time_s=frame.time_s)
    if frame.speed_mps is not None and math.isfinite(frame.speed_mps):
        sensed = replace(sensed, speed_mps=abs(frame.speed_mps), speed_time_s=frame.time_s)
    if memory.steering_unknown and frame.steering is not None and math.isfinite(frame.steering):
        there = replace(memory.command, steering=_clamped(frame.steering, 1.0))
        sensed = replace(sensed, command=there, steering_rate_per_s=0.0, steering_unknown=False)
    return sensed


def _settle_state(memory: Memory, frame: Frame, limits: SafetyLimits) -> tuple[Memory, Transition | None]:
    """Returns the state in which a frame's command is given."""
    if memory.state is State.FAULT:
        return memory, None
    if memory.state is State.STOPPING:
        return _stop_ended(memory, limits)
    failure = _failure(frame)
    if failure is None:
        if memory.state is State.DRIVING:
            return memory, None
        return _enter(memory, State.DRIVING, _WHY_DRIVING[memory.state])
    if memory.state is State.DRIVING:
        degraded, transition = _enter(memory, State.DEGRADED, failure)
        return replace(degraded, state_s=memory.state_s), transition
    if memory.state is not State.DEGRADED:
        return _enter(memory, State.DEGRADED, failure)
    if memory.state_s > limits.degraded_max_s:
        return _enter(replace(memory, failed=True), State.STOPPING, f"{failure}, for too long")
    return memory, None


_WHY_DRIVING = {
    State.READY: "a frame came",
    State.DEGRADED: "frames are good again",
    State.MANUAL: "the driver let go",
}


def _stop_ended(memory: Memory, limits: SafetyLimits) -> tuple[Memory, Transition | None]:
    """Turns a stop for failure into FAULT once it is over; an ordered stop stays as it is."""
    speed_mps = memory.known_speed_mps(limits)
    if not memory.failed:
        return memory, None
    if speed_mps is not None and speed_mps <= limits.standstill_mps:
        return _enter(memory, State.FAULT, "stopped after a failure")
    if memory.state_s > limits.stop_max_s:
        return _enter(memory, State.FAULT, "the stop after a failure took too long")
    return memory, None


def _failure(frame: Frame) -> str | None:
    """Returns why a frame's proposal cannot be followed, None where it can."""
    if frame.proposal is None:
        return frame.failure
    for name in ("steering", "gas", "brake"):
        value = getattr(frame.proposal, name)
        if not math.isfinite(value):
            return f"the policy proposed {name} {value}"
    return None


def _wanted(memory: Memory, frame: Frame, limits: SafetyLimits) -> Command:
    """Returns the command of the state, before the limits."""
    if memory.state is State.DRIVING and frame.proposal is not None:
        return frame.proposal
    if memory.state is State.DEGRADED:
        if memory.state_s <= limits.hold_s:
            return memory.command
        return Command(memory.command.steering, 0.0, limits.degraded_brake)
    return Command(0.0, 0.0, limits.stop_brake)


def _limited(memory: Memory, wanted: Command, step_s: float, limits: SafetyLimits) -> Memory:
    """Returns the memory with the command that comes nearest to the wanted one within the limits."""
    speed_mps = memory.known_speed_mps(limits)
    steering, rate_per_s = _steer(memory, wanted.steering, step_s, speed_mps, limits)
    brake = min(max(wanted.brake, 0.0), limits.brake_max)
    if speed_mps is None or speed_mps < limits.brake_speed_min_mps:
        brake = 0.0
    highest_gas = min(limits.gas_max, memory.command.gas + limits.gas_rise_max_per_s * step_s)
    if brake > 0.0 or speed_mps is None or speed_mps > limits.speed_max_mps:
        highest_gas = 0.0
    gas = min(max(wanted.gas, 0.0), highest_gas)
    return replace(memory, command=Command(steering, gas, brake), steering_rate_per_s=rate_per_s)


def _steer(
    memory: Memory, wanted: float, step_s: float, speed_mps: float | None, limits: SafetyLimits
) -> tuple[float, float]:
    """Returns the steering one step closer to the wanted one, and the rate at which it moved.

    An unknown speed counts as the highest.
    """
    steering = memory.command.steering
    if step_s < _STEP_MIN_S:
        return steering, memory.steering_rate_per_s
    speed_mps = limits.speed_max_mps if speed_mps is None else speed_mps
    rate_max_per_s = limits.steering_rate_bound_per_s(speed_mps)
    ramp_per_s2 = rate_max_per_s / limits.steering_ramp_s
    distance = _clamped(wanted, limits.steering_bound(speed_mps)) - steering
    change_max_per_s = ramp_per_s2 * step_s
    rate_per_s = math.copysign(_braking_rate_per_s(abs(distance), change_max_per_s, step_s), distance)
    rate_per_s = memory.steering_rate_per_s + _clamped(
        rate_per_s - memory.steering_rate_per_s, change_max_per_s
    )
    moved = _clamped(steering + _clamped(rate_per_s, rate_max_per_s) * step_s, 1.0)
    return moved, (moved - steering) / step_s


def _braking_rate_per_s(distance: float, change_max_per_s: float, step_s: float) -> float:
    """Returns the fastest rate that still comes to rest at a distance, if each step takes away the change.

    With k = rate / change and n whole steps in k, the way to rest is (n + 1)(k - n / 2) changes times steps.
    """
    steps = distance / (change_max_per_s * step_s)
    whole = math.floor((math.sqrt(1.0 + 8.0 * steps) - 1.0) / 2.0)
    return change_max_per_s * (steps / (whole + 1) + whole / 2)


def _enter(memory: Memory, state: State, reason: str) -> tuple[Memory, Transition | None]:
    """Returns the memory in another state, and the transition unless it is in that state already."""
    if memory.state is state:
        return memory, None
    return replace(memory, state=state, state_s=0.0), Transition(memory.state, state, reason)


def _sensible(speed_mps: float) -> float:
    """Returns the speed within the range in which its square can be divided by."""
    return min(max(speed_mps, 0.1), 1000.0)


def _coasting(command: Command) -> Command:
    return Command(command.steering, 0.0, 0.0)


def _clamped(value: float, bound: float) -> float:
    return min(max(value, -bound), bound)
