"""The safety envelope: every state and transition, and what no sequence of events can bring about."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.interface import Command
from controller.safety import (
    Frame,
    HumanDrives,
    Memory,
    ResumeOrder,
    SafetyLimits,
    Silence,
    State,
    StopOrder,
    Transition,
    Unheard,
    _braking_rate_per_s,
    advance,
)
from sim_bridges.udacity.settings import LIMITS

STEP_S = 0.05
GO = Command(0.0, 0.5, 0.0)


class Vehicle:
    """An envelope with a clock, to write down what happens as a story."""

    def __init__(self, limits: SafetyLimits = LIMITS, step_s: float = STEP_S) -> None:
        self.limits = limits
        self.step_s = step_s
        self.memory = Memory()
        self.time_s = 100.0
        self.transitions: list[Transition] = []

    def happens(self, event) -> Command:
        self.memory, transition = advance(self.memory, event, self.limits)
        if transition is not None:
            self.transitions.append(transition)
        return self.memory.command

    def good(
        self, command: Command = GO, speed_mps: float | None = 5.0, steering: float | None = None
    ) -> Command:
        self.time_s += self.step_s
        return self.happens(Frame(self.time_s, command, speed_mps=speed_mps, steering=steering))

    def bad(
        self, failure: str = "broken", speed_mps: float | None = 5.0, steering: float | None = None
    ) -> Command:
        self.time_s += self.step_s
        return self.happens(Frame(self.time_s, None, failure, speed_mps, steering))

    def until(self, state: State, step) -> None:
        """Repeats a step until a state is reached, for a minute of the vehicle's time at most."""
        for _ in range(int(60 / self.step_s)):
            if self.state is state:
                return
            step()
        pytest.fail(f"{state} is not reached")

    @property
    def state(self) -> State:
        return self.memory.state

    @property
    def last(self) -> Transition:
        return self.transitions[-1]


def in_state(state: State) -> Vehicle:
    """A vehicle that came into a state the way vehicles do."""
    vehicle = Vehicle()
    if state is State.READY:
        return vehicle
    vehicle.good()
    if state is State.DEGRADED:
        vehicle.bad()
    elif state is State.MANUAL:
        vehicle.happens(HumanDrives())
    elif state is State.STOPPING:
        vehicle.happens(StopOrder("test"))
    elif state is State.FAULT:
        vehicle.until(state, lambda: vehicle.bad(speed_mps=0.0))
    assert vehicle.state is state
    return vehicle


GOOD, BAD, SILENCE, UNHEARD = "good", "bad", "silence", "unheard"
HUMAN, STOP, RESUME = "human", "stop", "resume"

AFTER = {
    (State.READY, GOOD): (State.DRIVING, "a frame came"),
    (State.READY, BAD): (State.DEGRADED, "broken"),
    (State.READY, SILENCE): None,
    (State.READY, UNHEARD): None,
    (State.READY, HUMAN): (State.MANUAL, "the driver took over"),
    (State.READY, STOP): (State.STOPPING, "order"),
    (State.READY, RESUME): None,
    (State.DRIVING, GOOD): None,
    (State.DRIVING, BAD): (State.DEGRADED, "broken"),
    (State.DRIVING, SILENCE): (State.DEGRADED, "silence"),
    (State.DRIVING, UNHEARD): None,
    (State.DRIVING, HUMAN): (State.MANUAL, "the driver took over"),
    (State.DRIVING, STOP): (State.STOPPING, "order"),
    (State.DRIVING, RESUME): None,
    (State.DEGRADED, GOOD): (State.DRIVING, "frames are good again"),
    (State.DEGRADED, BAD): None,
    (State.DEGRADED, SILENCE): None,
    (State.DEGRADED, UNHEARD): None,
    (State.DEGRADED, HUMAN): (State.MANUAL, "the driver took over"),
    (State.DEGRADED, STOP): (State.STOPPING, "order"),
    (State.DEGRADED, RESUME): None,
    (State.MANUAL, GOOD): (State.DRIVING, "the driver let go"),
    (State.MANUAL, BAD): (State.DEGRADED, "broken"),
    (State.MANUAL, SILENCE): None,
    (State.MANUAL, UNHEARD): None,
    (State.MANUAL, HUMAN): None,
    (State.MANUAL, STOP): (State.STOPPING, "order"),
    (State.MANUAL, RESUME): None,
    (State.STOPPING, GOOD): None,
    (State.STOPPING, BAD): None,
    (State.STOPPING, SILENCE): None,
    (State.STOPPING, UNHEARD): None,
    (State.STOPPING, HUMAN): None,
    (State.STOPPING, STOP): None,
    (State.STOPPING, RESUME): (State.READY, "order"),
    (State.FAULT, GOOD): None,
    (State.FAULT, BAD): None,
    (State.FAULT, SILENCE): None,
    (State.FAULT, UNHEARD): None,
    (State.FAULT, HUMAN): None,
    (State.FAULT, STOP): None,
    (State.FAULT, RESUME): (State.READY, "order"),
}


@pytest.mark.parametrize(("before", "kind"), AFTER)
def test_each_event_in_each_state(before, kind):
    vehicle = in_state(before)
    seen = len(vehicle.transitions)
    if kind == GOOD:
        vehicle.good()
    elif kind == BAD:
        vehicle.bad()
    else:
        vehicle.happens(
            {
                SILENCE: Silence("silence"),
                UNHEARD: Unheard(),
                HUMAN: HumanDrives(),
                STOP: StopOrder("order"),
                RESUME: ResumeOrder("order"),
            }[kind]
        )
    expected = AFTER[before, kind]
    if expected is None:
        assert vehicle.state is before
        assert vehicle.transitions[seen:] == []
    else:
        after, reason = expected
        assert vehicle.state is after
        assert vehicle.transitions[seen:] == [Transition(before, after, reason)]


def test_a_proposal_is_followed_when_it_is_within_the_limits():
    vehicle = Vehicle()
    for _ in range(100):
        command = vehicle.good(Command(0.2, 0.4, 0.0))
    assert command.steering == pytest.approx(0.2)
    assert command.gas == pytest.approx(0.4)
    assert command.brake == 0.0


@pytest.mark.parametrize("wild", [1e9, 1.7, -1e9])
def test_wild_proposals_are_bounded(wild):
    vehicle = Vehicle()
    for _ in range(200):
        command = vehicle.good(Command(wild, wild, -wild), speed_mps=5.0)
    assert command.steering == math.copysign(1.0, wild)
    assert (command.gas, command.brake) == ((1.0, 0.0) if wild > 0 else (0.0, 1.0))


@pytest.mark.parametrize("name", ["steering", "gas", "brake"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_proposal_that_is_not_finite_is_no_proposal(name, value):
    vehicle = Vehicle()
    vehicle.good()
    held = vehicle.memory.command
    assert vehicle.good(replace(GO, **{name: value})).steering == held.steering
    assert vehicle.last == Transition(State.DRIVING, State.DEGRADED, f"the policy proposed {name} {value}")


def test_steering_is_bounded_by_the_lateral_acceleration():
    assert LIMITS.steering_bound(0.0) == 1.0
    assert LIMITS.steering_bound(3.0) == 1.0
    speed_mps = 12.0
    angle_rad = math.radians(25.0 * LIMITS.steering_bound(speed_mps))
    assert speed_mps**2 * math.tan(angle_rad) / 2.87 == pytest.approx(10.0)
    vehicle = Vehicle()
    for _ in range(200):
        command = vehicle.good(Command(-1.0, 0.0, 0.0), speed_mps=speed_mps)
    assert command.steering == pytest.approx(-LIMITS.steering_bound(speed_mps))


def test_the_steering_rate_is_bounded_by_the_lateral_jerk():
    assert LIMITS.steering_rate_bound_per_s(0.0) == 4.0
    assert LIMITS.steering_rate_bound_per_s(1.0) == 4.0
    speed_mps = 10.0
    rate_rad_per_s = math.radians(25.0 * LIMITS.steering_rate_bound_per_s(speed_mps))
    assert speed_mps**2 * rate_rad_per_s / 2.87 == pytest.approx(20.0)


def test_an_unknown_speed_counts_as_the_highest_for_the_steering():
    vehicle, fast = Vehicle(), Vehicle()
    for _ in range(100):
        unknown = vehicle.good(Command(1.0, 0.0, 0.0), speed_mps=None)
        known = fast.good(Command(1.0, 0.0, 0.0), speed_mps=LIMITS.speed_max_mps)
    assert unknown.steering == known.steering == pytest.approx(LIMITS.steering_bound(LIMITS.speed_max_mps))


def test_the_first_command_does_not_steer_away_from_where_the_wheels_stand():
    vehicle = Vehicle()
    assert vehicle.good(Command(-1.0, 0.0, 0.0), steering=0.6).steering == 0.6
    assert vehicle.good(Command(-1.0, 0.0, 0.0), steering=0.9).steering < 0.6


def test_measured_steering_beyond_the_stop_counts_as_the_stop():
    assert Vehicle().good(GO, steering=1.1).steering == 1.0
    assert Vehicle().good(GO, steering=-1.1).steering == -1.0


def test_measured_steering_that_is_not_finite_is_not_used():
    vehicle = Vehicle()
    assert vehicle.good(GO, steering=math.nan).steering == 0.0
    assert vehicle.memory.steering_unknown
    assert vehicle.good(GO, steering=0.5).steering != 0.0


def test_the_steering_ramp_reaches_a_target_without_overshoot():
    vehicle = Vehicle(step_s=1 / 60)
    path = [vehicle.good(Command(0.5, 0.0, 0.0), speed_mps=5.0).steering for _ in range(120)]
    assert max(path) <= 0.5 + 1e-9
    assert path[-1] == pytest.approx(0.5)
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(path))
    assert path[60] == pytest.approx(0.5)


def test_the_steering_rate_ramps_up_and_down():
    vehicle = Vehicle(step_s=0.01)
    vehicle.good(Command(0.0, 0.0, 0.0), speed_mps=0.0)
    path = [vehicle.good(Command(1.0, 0.0, 0.0), speed_mps=0.0).steering for _ in range(60)]
    ramp = LIMITS.steering_rate_max_per_s / LIMITS.steering_ramp_s * 0.01**2
    assert path[0] == pytest.approx(ramp)
    assert path[1] == pytest.approx(3 * ramp)
    assert max(b - a for a, b in itertools.pairwise(path)) == pytest.approx(4.0 * 0.01)


def test_a_long_gap_counts_as_a_short_one_for_the_rates():
    vehicle, late = Vehicle(), Vehicle()
    vehicle.good(Command(0.0, 0.0, 0.0), speed_mps=0.0)
    late.good(Command(0.0, 0.0, 0.0), speed_mps=0.0)
    vehicle.step_s, late.step_s = LIMITS.step_max_s, 60.0
    wanted = Command(1.0, 1.0, 0.0)
    soon, later = vehicle.good(wanted, speed_mps=0.0), late.good(wanted, speed_mps=0.0)
    assert (soon.steering, soon.gas) == (pytest.approx(later.steering), pytest.approx(later.gas))
    assert soon.steering > 0.1


def test_a_clock_that_stands_or_steps_back_moves_nothing():
    for step_s in (0.0, -5.0):
        vehicle = Vehicle()
        before = vehicle.good()
        vehicle.step_s = step_s
        assert vehicle.good(Command(1.0, 1.0, 0.0)) == before


def test_gas_rises_slowly_and_falls_at_once():
    vehicle = Vehicle()
    vehicle.good(Command(0.0, 1.0, 0.0))
    rising = [vehicle.good(Command(0.0, 1.0, 0.0)).gas for _ in range(4)]
    assert rising == pytest.approx([0.05, 0.10, 0.15, 0.20])
    assert vehicle.good(Command(0.0, 0.02, 0.0)).gas == 0.02


def test_gas_and_brake_never_work_together():
    vehicle = Vehicle()
    for _ in range(10):
        vehicle.good(Command(0.0, 0.5, 0.0))
    assert vehicle.good(Command(0.0, 0.5, 0.1)) == Command(0.0, 0.0, 0.1)


def test_no_gas_above_the_highest_speed():
    vehicle = Vehicle()
    vehicle.good(speed_mps=LIMITS.speed_max_mps)
    assert vehicle.good(speed_mps=LIMITS.speed_max_mps).gas > 0.0
    assert vehicle.good(speed_mps=LIMITS.speed_max_mps + 0.01).gas == 0.0


def test_no_brake_below_the_speed_at_which_it_would_reverse():
    vehicle = Vehicle()
    brake = Command(0.0, 0.0, 1.0)
    assert vehicle.good(brake, speed_mps=LIMITS.brake_speed_min_mps).brake == 1.0
    assert vehicle.good(brake, speed_mps=LIMITS.brake_speed_min_mps - 0.01).brake == 0.0


def test_the_limits_are_those_of_the_documentation():
    assert (LIMITS.hold_s, LIMITS.degraded_max_s) == (0.3, 2.0)
    assert (LIMITS.speed_max_mps, LIMITS.brake_speed_min_mps) == (13.5, 2.5)
    assert LIMITS.speed_max_mps > 30 * 0.44704
    assert LIMITS.degraded_brake < LIMITS.stop_brake


def test_the_brake_speed_leaves_a_margin_to_five_miles_per_hour():
    assert LIMITS.brake_speed_min_mps > 5 * 0.44704


def test_gas_and_brake_limits_are_kept():
    vehicle = Vehicle(replace(LIMITS, gas_max=0.3, brake_max=0.4))
    for _ in range(20):
        gas = vehicle.good(Command(0.0, 1.0, 0.0)).gas
    assert gas == 0.3
    assert vehicle.good(Command(0.0, 0.0, 1.0)).brake == 0.4


def test_a_speed_is_trusted_for_a_while():
    vehicle = Vehicle()
    vehicle.good(Command(0.0, 0.0, 1.0))
    told_s = vehicle.time_s
    brake = Command(0.0, 0.0, 1.0)
    brakes = [
        (vehicle.time_s + STEP_S - told_s, vehicle.good(brake, speed_mps=None).brake) for _ in range(12)
    ]
    assert all(brake == (1.0 if age_s <= LIMITS.speed_trust_s + 1e-9 else 0.0) for age_s, brake in brakes)
    assert {brake for _, brake in brakes} == {0.0, 1.0}


def test_without_a_speed_there_is_neither_gas_nor_brake():
    vehicle = Vehicle()
    for _ in range(20):
        assert vehicle.good(Command(0.0, 1.0, 0.0), speed_mps=None).gas == 0.0
    assert vehicle.good(Command(0.0, 0.0, 1.0), speed_mps=None).brake == 0.0


@pytest.mark.parametrize("speed_mps", [math.nan, math.inf])
def test_a_speed_that_is_not_finite_is_no_speed(speed_mps):
    vehicle = Vehicle()
    vehicle.good(speed_mps=4.0)
    vehicle.good(speed_mps=speed_mps)
    assert vehicle.memory.speed_mps == 4.0


def test_a_negative_speed_counts_by_its_size():
    vehicle = Vehicle()
    vehicle.good(speed_mps=-4.0)
    assert vehicle.memory.speed_mps == 4.0


def driving(steering: float = 0.3, gas: float = 0.4, speed_mps: float = 5.0) -> Vehicle:
    vehicle = Vehicle()
    for _ in range(60):
        vehicle.good(Command(steering, gas, 0.0), speed_mps=speed_mps)
    return vehicle


def test_degraded_holds_the_command_and_then_slows_down():
    vehicle = driving()
    held = vehicle.memory.command
    commands = [vehicle.bad() for _ in range(12)]
    holding = 1 + int(LIMITS.hold_s / STEP_S)
    assert commands[: holding - 1] == [held] * (holding - 1)
    assert commands[holding + 1 :] == [Command(held.steering, 0.0, LIMITS.degraded_brake)] * (11 - holding)
    assert vehicle.state is State.DEGRADED


def test_the_hold_begins_anew_with_each_degradation():
    vehicle = driving()
    for _ in range(5):
        held = vehicle.memory.command
        assert vehicle.bad() == held
        for _ in range(20):
            vehicle.good(Command(0.3, 0.4, 0.0))


def test_silence_uses_up_the_hold():
    vehicle = driving()
    vehicle.happens(Silence("no frame came"))
    assert vehicle.last == Transition(State.DRIVING, State.DEGRADED, "no frame came")
    assert vehicle.bad() == Command(pytest.approx(0.3), 0.0, LIMITS.degraded_brake)


def test_a_pause_of_the_simulator_alone_never_stops_the_vehicle():
    vehicle = driving()
    vehicle.happens(Silence("no frame came"))
    vehicle.time_s += 3600.0
    vehicle.good()
    assert vehicle.state is State.DRIVING


@pytest.mark.parametrize("told", [True, False])
def test_a_pause_is_no_time_in_which_frames_were_broken(told):
    vehicle = driving()
    if not told:
        vehicle.bad()
    vehicle.happens(Silence("no frame came"))
    vehicle.time_s += 3600.0
    vehicle.bad()
    assert vehicle.state is State.DEGRADED
    assert vehicle.memory.command.gas == 0.0
    vehicle.good()
    assert vehicle.state is State.DRIVING


@pytest.mark.parametrize("state", State)
def test_who_is_not_heard_rolls_with_the_wheels_as_they_are_in_every_state(state):
    vehicle = in_state(state)
    before = replace(vehicle.memory, command=Command(0.4, 0.3, 0.0), steering_unknown=False)
    vehicle.memory = before
    assert vehicle.happens(Unheard()) == Command(0.4, 0.0, 0.0)
    assert vehicle.memory == replace(before, command=Command(0.4, 0.0, 0.0))


def test_frames_that_stay_broken_end_in_a_stop_and_then_in_fault():
    vehicle = driving()
    begin_s = vehicle.time_s
    vehicle.until(State.STOPPING, lambda: vehicle.bad("the lens is dirty"))
    assert LIMITS.degraded_max_s < vehicle.time_s - begin_s <= LIMITS.degraded_max_s + 3 * STEP_S
    assert vehicle.last == Transition(State.DEGRADED, State.STOPPING, "the lens is dirty, for too long")
    for _ in range(40):
        vehicle.good(speed_mps=3.0)
    assert vehicle.state is State.STOPPING
    assert vehicle.memory.command == Command(pytest.approx(0.0, abs=1e-9), 0.0, LIMITS.stop_brake)
    vehicle.good(speed_mps=LIMITS.standstill_mps)
    assert vehicle.last == Transition(State.STOPPING, State.FAULT, "stopped after a failure")
    assert vehicle.good(speed_mps=0.0) == Command(0.0, 0.0, 0.0)


def test_a_stop_after_failure_that_never_ends_becomes_a_fault():
    vehicle = driving()
    vehicle.until(State.STOPPING, vehicle.bad)
    begin_s = vehicle.time_s
    vehicle.until(State.FAULT, lambda: vehicle.good(speed_mps=1.0))
    assert LIMITS.stop_max_s < vehicle.time_s - begin_s <= LIMITS.stop_max_s + 2 * STEP_S
    assert vehicle.last == Transition(State.STOPPING, State.FAULT, "the stop after a failure took too long")


def test_a_standstill_has_to_be_known_to_end_a_stop():
    vehicle = driving()
    vehicle.until(State.STOPPING, lambda: vehicle.bad(speed_mps=None))
    for _ in range(20):
        vehicle.bad(speed_mps=None)
    assert vehicle.state is State.STOPPING
    vehicle.good(speed_mps=LIMITS.standstill_mps + 0.01)
    assert vehicle.state is State.STOPPING


def test_an_ordered_stop_straightens_brakes_and_stays():
    vehicle = driving(steering=0.5, speed_mps=8.0)
    vehicle.happens(StopOrder("the service goes down"))
    path = [vehicle.good(speed_mps=8.0) for _ in range(60)]
    assert all(command.brake == LIMITS.stop_brake and command.gas == 0.0 for command in path)
    assert all(b.steering <= a.steering + 1e-9 for a, b in itertools.pairwise(path))
    assert path[0].steering > 0.3
    assert path[-1].steering == pytest.approx(0.0, abs=1e-9)
    for _ in range(1000):
        command = vehicle.good(speed_mps=0.0)
    assert command.gas == command.brake == 0.0
    assert vehicle.state is State.STOPPING


def test_a_failed_stop_that_was_resumed_does_not_fail_the_next_ordered_stop():
    vehicle = in_state(State.FAULT)
    vehicle.happens(ResumeOrder("go on"))
    assert vehicle.memory.failed is False
    vehicle.good()
    assert vehicle.state is State.DRIVING
    vehicle.happens(StopOrder("enough"))
    for _ in range(5):
        vehicle.good(speed_mps=0.0)
    assert vehicle.state is State.STOPPING


@pytest.mark.parametrize("state", [State.STOPPING, State.FAULT])
def test_a_stop_never_gives_gas_whatever_is_proposed(state):
    vehicle = in_state(state)
    for _ in range(20):
        assert vehicle.good(Command(1.0, 1.0, 0.0), speed_mps=1.0).gas == 0.0


def test_the_human_hands_back_without_a_jump_in_steering():
    vehicle = driving(steering=0.3)
    vehicle.happens(HumanDrives())
    assert vehicle.memory.command == Command(pytest.approx(0.3), 0.0, 0.0)
    vehicle.time_s += 5.0
    assert vehicle.good(Command(0.3, 0.4, 0.0), steering=-0.8) == Command(-0.8, 0.0, 0.0)
    second = vehicle.good(Command(0.3, 0.4, 0.0), steering=-0.8)
    ramp = LIMITS.steering_rate_bound_per_s(5.0) / LIMITS.steering_ramp_s * STEP_S**2
    assert second.steering == pytest.approx(-0.8 + ramp)


def test_each_time_the_human_hands_back_the_wheels_are_looked_at_anew():
    vehicle = Vehicle()
    for steering in (0.2, -0.5, 0.9):
        assert vehicle.good(GO, steering=steering).steering == steering
        assert vehicle.good(GO, steering=0.0).steering != 0.0
        vehicle.happens(HumanDrives())
        assert vehicle.memory.steering_unknown is True


def test_the_human_hands_back_at_rest_even_if_the_wheels_moved_fast():
    vehicle = Vehicle()
    vehicle.good(Command(1.0, 0.0, 0.0))
    vehicle.good(Command(1.0, 0.0, 0.0))
    assert vehicle.memory.steering_rate_per_s > 0.0
    vehicle.happens(HumanDrives())
    assert vehicle.good(Command(0.5, 0.0, 0.0), steering=0.5).steering == 0.5
    assert vehicle.memory.steering_rate_per_s == 0.0
    assert vehicle.memory.steering_unknown is False


@pytest.mark.parametrize(("failed", "end"), [(True, State.FAULT), (False, State.STOPPING)])
def test_who_is_stopped_after_a_failure_ends_in_fault(failed, end):
    vehicle = Vehicle()
    vehicle.happens(StopOrder("dialled again", failed))
    vehicle.good(speed_mps=0.0)
    assert vehicle.state is end


def test_a_human_in_a_stop_does_not_end_it_but_moves_the_wheels():
    vehicle = in_state(State.STOPPING)
    vehicle.happens(HumanDrives())
    assert vehicle.state is State.STOPPING
    assert vehicle.good(steering=0.7).steering == 0.7


# The times are exact binary fractions here, so that what happens at a limit itself can be told.

EXACT = replace(LIMITS, hold_s=0.5, degraded_max_s=2.0, stop_max_s=4.0, speed_trust_s=0.5)


def exact_vehicle() -> Vehicle:
    vehicle = Vehicle(EXACT, step_s=0.25)
    for _ in range(20):
        vehicle.good(Command(0.0, 0.5, 0.0))
    return vehicle


def test_the_hold_lasts_as_long_as_its_limit():
    vehicle = exact_vehicle()
    assert [vehicle.bad().gas for _ in range(3)] == [0.5, 0.5, 0.0]


def test_the_hold_begins_with_the_last_good_command():
    vehicle = exact_vehicle()
    vehicle.step_s = 0.75
    assert vehicle.bad().gas == 0.0
    assert vehicle.state is State.DEGRADED


def test_after_a_silence_broken_frames_count_again():
    vehicle = exact_vehicle()
    vehicle.happens(Silence("no frame came"))
    vehicle.step_s = 60.0
    vehicle.bad()
    assert vehicle.state is State.DEGRADED
    vehicle.bad()
    assert vehicle.state is State.STOPPING


def test_the_time_in_which_a_human_drove_is_no_hold():
    vehicle = exact_vehicle()
    vehicle.happens(HumanDrives())
    vehicle.step_s = 60.0
    vehicle.bad()
    vehicle.step_s = 0.25
    vehicle.bad()
    assert vehicle.state is State.DEGRADED


def test_the_degradation_lasts_as_long_as_its_limit():
    vehicle = exact_vehicle()
    for _ in range(8):
        vehicle.bad()
    assert vehicle.state is State.DEGRADED
    vehicle.bad()
    assert vehicle.state is State.STOPPING


def test_the_stop_lasts_as_long_as_its_limit():
    vehicle = exact_vehicle()
    vehicle.until(State.STOPPING, vehicle.bad)
    for _ in range(16):
        vehicle.good()
    assert vehicle.state is State.STOPPING
    vehicle.good()
    assert vehicle.state is State.FAULT


def test_a_speed_is_trusted_as_long_as_its_limit():
    vehicle = exact_vehicle()
    brake = Command(0.0, 0.0, 1.0)
    assert [vehicle.good(brake, speed_mps=None).brake for _ in range(3)] == [1.0, 1.0, 0.0]


def test_degraded_gives_no_gas_either_where_it_cannot_brake():
    vehicle = exact_vehicle()
    for _ in range(4):
        command = vehicle.bad(speed_mps=1.0)
    assert (command.gas, command.brake) == (0.0, 0.0)


def test_the_smallest_step_that_counts_moves_the_wheels():
    memory, _ = advance(Memory(), Frame(0.0, GO, speed_mps=0.0), LIMITS)
    assert (
        advance(memory, Frame(1e-6, Command(1.0, 0.0, 0.0), speed_mps=0.0), LIMITS)[0].command.steering > 0.0
    )
    assert (
        advance(memory, Frame(9e-7, Command(1.0, 0.0, 0.0), speed_mps=0.0), LIMITS)[0].command.steering == 0.0
    )


def test_steps_that_shorten_on_the_way_do_not_turn_the_wheels_beyond_the_stop():
    vehicle = Vehicle(step_s=0.1)
    vehicle.good(GO, speed_mps=0.0, steering=0.5)
    fast = vehicle.good(Command(1.0, 0.0, 0.0), speed_mps=0.0)
    vehicle.step_s = 0.01
    path = [vehicle.good(Command(1.0, 0.0, 0.0), speed_mps=0.0).steering for _ in range(10)]
    assert fast.steering == pytest.approx(0.9)
    assert max(path) == 1.0


@given(st.floats(0.0, 3.0), st.floats(0.01, 5.0), st.floats(0.005, 0.1))
def test_the_braking_rate_comes_to_rest_exactly_at_the_distance(distance, change_max_per_s, step_s):
    rate_per_s = _braking_rate_per_s(distance, change_max_per_s, step_s)
    way = 0.0
    while rate_per_s > 0.0:
        way += rate_per_s * step_s
        rate_per_s -= change_max_per_s
    assert way == pytest.approx(distance, rel=1e-6, abs=1e-9)


def test_bounds_by_speed_hold_at_very_low_and_very_high_speeds():
    tight = replace(LIMITS, lateral_acceleration_max_mps2=0.0004)
    assert tight.steering_bound(0.5) < 1.0
    assert tight.steering_bound(0.5) > tight.steering_bound(1.0)
    assert tight.steering_bound(0.0) == tight.steering_bound(0.1)
    assert LIMITS.steering_bound(1001.0) == LIMITS.steering_bound(1000.0) < LIMITS.steering_bound(999.0)


# What no sequence of events can bring about.

any_float = st.floats(allow_nan=True, allow_infinity=True)
commands = st.builds(
    Command, any_float | st.floats(-1, 1), any_float | st.floats(0, 1), any_float | st.floats(0, 1)
)
speeds = st.none() | st.floats(0, 15) | any_float
wheels = st.none() | st.floats(-1.2, 1.2) | any_float
events = st.one_of(
    st.tuples(st.floats(0.0, 0.3), st.none() | commands, speeds, wheels),
    st.sampled_from([Silence("silence"), Unheard(), HumanDrives(), StopOrder("stop"), ResumeOrder("resume")]),
)


@given(st.lists(events, max_size=60))
def test_no_sequence_of_events_yields_a_command_out_of_bounds(story):
    memory, time_s = Memory(), 0.0
    for event in story:
        before = memory
        if isinstance(event, tuple):
            step_s, proposal, speed_mps, steering = event
            time_s += step_s
            memory, transition = advance(memory, Frame(time_s, proposal, "bad", speed_mps, steering), LIMITS)
            check_frame(before, memory, step_s, steering)
        else:
            memory, transition = advance(memory, event, LIMITS)
        check_command(memory)
        assert (transition is None) == (memory.state is before.state)
        if transition is not None:
            assert (transition.before, transition.after) == (before.state, memory.state)
            assert transition.reason
        left_fault = before.state is State.FAULT and memory.state is not State.FAULT
        assert not left_fault or isinstance(event, ResumeOrder)


def check_command(memory: Memory) -> None:
    command = memory.command
    assert -1.0 <= command.steering <= 1.0
    assert 0.0 <= command.gas <= 1.0
    assert 0.0 <= command.brake <= 1.0
    assert command.gas == 0.0 or command.brake == 0.0


def check_frame(before: Memory, after: Memory, step_s: float, steering: float | None) -> None:
    """Checks the rates, and that gas and brake are given only where they may."""
    speed_mps = after.known_speed_mps(LIMITS)
    command = after.command
    assert command.brake == 0.0 or (speed_mps is not None and speed_mps >= LIMITS.brake_speed_min_mps)
    assert command.gas == 0.0 or (speed_mps is not None and speed_mps <= LIMITS.speed_max_mps)
    assert command.gas == 0.0 or after.state in (State.DRIVING, State.DEGRADED)
    if before.time_s is None:
        return
    step_s = min(max(after.time_s - before.time_s, 0.0), LIMITS.step_max_s)
    assert command.gas - before.command.gas <= LIMITS.gas_rise_max_per_s * step_s + 1e-9
    told = before.steering_unknown and steering is not None and math.isfinite(steering)
    origin = min(max(steering, -1.0), 1.0) if told else before.command.steering
    rate_max_per_s = LIMITS.steering_rate_bound_per_s(
        LIMITS.speed_max_mps if speed_mps is None else speed_mps
    )
    assert abs(command.steering - origin) <= rate_max_per_s * step_s + 1e-9


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=60),
    st.floats(0, 13),
    st.sampled_from([1 / 60, 0.02, 0.05]),
)
def test_the_steering_rate_never_jumps(wanted, speed_mps, step_s):
    vehicle = Vehicle(step_s=step_s)
    vehicle.good(GO, speed_mps=speed_mps)
    change_max = LIMITS.steering_rate_bound_per_s(speed_mps) / LIMITS.steering_ramp_s * step_s
    for steering in wanted:
        before = vehicle.memory.steering_rate_per_s
        vehicle.good(Command(steering, 0.0, 0.0), speed_mps=speed_mps)
        at_the_stop = abs(vehicle.memory.command.steering) == 1.0
        assert at_the_stop or abs(vehicle.memory.steering_rate_per_s - before) <= change_max + 1e-9


@given(st.floats(-1, 1), st.floats(0, 13), st.sampled_from([1 / 60, 0.02, 0.05, 0.1]))
def test_the_steering_arrives_and_rests(wanted, speed_mps, step_s):
    vehicle = Vehicle(step_s=step_s)
    target = max(min(wanted, LIMITS.steering_bound(speed_mps)), -LIMITS.steering_bound(speed_mps))
    for _ in range(int(6.0 / step_s)):
        vehicle.good(Command(wanted, 0.0, 0.0), speed_mps=speed_mps)
    assert vehicle.memory.command.steering == pytest.approx(target, abs=1e-6)
