"""A vehicle's session with a policy that takes its time."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from controller.interface import Command, Observation
from controller.metrics import Metrics
from controller.recorder import Recorder
from controller.safety import State
from controller.session import Picture, VehicleFrame, VehicleSession
from sim_bridges.udacity.settings import LIMITS, session_settings


class GatedPolicy:
    """Answers while its gate is open."""

    name = "gated"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.seen: list[str] = []
        self.observation: Observation | None = None
        self.proposal = Command(0.0, 0.0, 0.0)

    def reset(self) -> None:
        self.seen.append("reset")

    def act(self, observation: Observation) -> Command:
        self.observation = observation
        self.seen.append("frame")
        self.gate.wait(10)
        return self.proposal


class Road:
    """A session and what the service does for it, at the test's own pace."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.policy = GatedPolicy()
        self.answers: list[Command] = []
        self.outcomes = 0
        self._posted: list[Callable[[], None]] = []
        settings = session_settings(5.0)
        self.session = VehicleSession("car", self.policy, settings, Metrics(), self._posted.append, recorder)

    def frame(self, **changes) -> VehicleFrame:
        frame = VehicleFrame(
            time.monotonic(), lambda: Picture(np.zeros((160, 320, 3), np.uint8), b""), 5.0, 0.0
        )
        return replace(frame, **changes)

    def submit(self, **changes) -> None:
        self.session.submit(self.frame(**changes), self.answers.append)

    def run_posted(self) -> None:
        while self._posted:
            self._posted.pop(0)()
            self.outcomes += 1

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 10
        while not condition() and time.monotonic() < end_s:
            self.run_posted()
            time.sleep(0.005)
        assert condition()

    def drive_one_frame(self, **changes) -> None:
        answered = len(self.answers)
        self.submit(**changes)
        self.wait_for(lambda: len(self.answers) > answered)

    def block_the_policy(self) -> None:
        """Has the policy hang on a frame, whose answer nobody waits for any more."""
        self.policy.gate.clear()
        frames = self.policy.seen.count("frame")
        self.submit()
        self.wait_for(lambda: self.policy.seen.count("frame") > frames)


@pytest.fixture
def road() -> Iterator[Road]:
    road = Road()
    yield road
    road.policy.gate.set()
    road.session.close()


def test_newer_frames_in_its_place_do_not_put_off_a_frames_deadline(road):
    road.drive_one_frame()
    road.block_the_policy()
    end_s = time.monotonic() + 10
    waits = False
    while road.session.state is not State.STOPPING and time.monotonic() < end_s:
        answered = len(road.answers)
        if waits:
            road.session.renew(road.frame())
        else:
            road.submit()
        road.session.tick(time.monotonic())
        waits = len(road.answers) == answered
        time.sleep(0.05)
    assert road.session.state is State.STOPPING
    assert road.session.command.gas == 0.0


def test_the_policy_has_its_time_for_a_frame_that_was_held_back_before(road):
    road.policy.gate.clear()
    road.submit(received_s=time.monotonic() - 10)
    road.session.tick(time.monotonic())
    assert not road.answers
    assert not road.session.silent(time.monotonic())


def test_the_policy_sees_when_the_frame_came_and_how_fast_the_vehicle_was(road):
    road.drive_one_frame(received_s=7.0, speed_mps=4.0)
    assert (road.policy.observation.time_s, road.policy.observation.speed_mps) == (7.0, 4.0)


def test_a_newer_frame_is_decided_on_with_its_own_speed(road):
    road.block_the_policy()
    road.submit()
    road.session.renew(road.frame(speed_mps=9.0))
    road.policy.gate.set()
    road.wait_for(lambda: road.answers)
    assert road.session.speed_mps == 9.0


def test_a_late_outcome_does_not_answer_a_newer_frame(road):
    road.block_the_policy()
    road.session.tick(time.monotonic() + 1)
    assert len(road.answers) == 1
    looks = threading.Event()

    def look():
        looks.wait(10)
        return road.frame().look()

    road.submit(look=look)
    road.policy.gate.set()
    road.wait_for(lambda: road.outcomes == 1)
    assert len(road.answers) == 1
    looks.set()
    road.wait_for(lambda: len(road.answers) == 2)


def test_a_broken_frame_answers_the_submitted_one_as_well(road):
    road.block_the_policy()
    road.session.answer_broken(time.monotonic(), "broken")
    road.session.tick(time.monotonic() + 1)
    assert road.answers == []


def test_a_human_who_takes_over_leaves_no_answer_under_way(road):
    road.block_the_policy()
    road.session.human_drives()
    road.policy.gate.set()
    road.wait_for(lambda: road.outcomes == 1)
    assert road.answers == []
    assert road.session.state is State.MANUAL


def test_a_closed_session_answers_nothing(road):
    road.block_the_policy()
    road.session.close()
    road.session.tick(time.monotonic() + 1)
    road.policy.gate.set()
    road.wait_for(lambda: road.outcomes == 1)
    assert road.answers == []


def test_whatever_a_look_raises_the_frame_is_broken_and_the_next_one_is_good(road):
    def look():
        raise TypeError("nothing")

    road.drive_one_frame(look=look)
    assert road.session.reason == "broken frame: nothing"
    road.drive_one_frame()
    assert road.session.state is State.DRIVING


def test_a_frame_without_a_speed_is_answered_without_the_policy(road):
    road.drive_one_frame(speed_mps=None)
    assert road.answers == [Command(0.0, 0.0, 0.0)]
    assert (road.session.state, road.session.reason) == (State.DEGRADED, "the speed is unknown")


def test_silence_degrades(road):
    road.drive_one_frame()
    road.session.tick(road.session.last_frame_s + 0.4)
    assert road.session.state is State.DRIVING
    road.session.tick(road.session.last_frame_s + 0.6)
    assert (road.session.state, road.session.reason) == (State.DEGRADED, "no frame came")


@pytest.mark.parametrize("kind", ["submitted", "renewed", "broken", "human"])
def test_a_frame_of_every_kind_ends_a_silence(road, kind):
    road.drive_one_frame()
    begin_s = time.monotonic()
    if kind == "submitted":
        road.submit()
    elif kind == "renewed":
        road.session.renew(road.frame())
    elif kind == "broken":
        road.session.answer_broken(begin_s, "broken")
    else:
        road.session.human_drives()
    assert road.session.last_frame_s >= begin_s


def test_who_never_told_anything_stands(road):
    assert road.session.stands


def test_who_never_told_a_speed_does_not_stand(road):
    road.session.stop("test")
    road.session.answer_broken(time.monotonic(), "broken")
    assert not road.session.stands


def test_a_vehicle_stands_once_it_was_stopped_gets_no_gas_and_tells_that_it_is_slow_enough(road):
    road.drive_one_frame(speed_mps=0.0)
    assert not road.session.stands
    road.drive_one_frame(speed_mps=0.0)
    road.session.stop("test")
    assert road.session.command.gas > 0.0
    assert not road.session.stands
    road.drive_one_frame(speed_mps=0.0)
    assert road.session.stands
    road.drive_one_frame(speed_mps=1.0)
    assert not road.session.stands


def test_who_is_too_fast_is_braked(road):
    road.drive_one_frame(speed_mps=12.0)
    assert road.session.command.brake > 0.5


def test_who_steers_hard_is_slowed_down(road):
    road.policy.proposal = Command(1.0, 0.0, 0.0)
    for _ in range(2):
        road.drive_one_frame()
    assert road.session._cruise.target_mps < 5.0


@pytest.mark.parametrize("what", ["human_drives", "broken", "coast"])
def test_the_speed_control_begins_anew_at_the_speed_that_others_left(road, what):
    for _ in range(3):
        road.drive_one_frame()
    if what == "broken":
        road.session.answer_broken(time.monotonic(), "broken")
    else:
        getattr(road.session, what)()
    road.drive_one_frame(speed_mps=1.0)
    assert road.session._cruise.target_mps == 1.0


def test_a_frame_is_recorded_with_the_moment_at_which_it_came(tmp_path):
    recorder = Recorder(tmp_path, "car")
    road = Road(recorder)
    begin = datetime.now().astimezone()
    road.policy.gate.clear()
    road.submit()
    time.sleep(1.0)
    road.session.tick(time.monotonic() + 1)
    road.policy.gate.set()
    road.session.close()
    recorder.wait_closed(10)
    (entry,) = map(json.loads, (recorder.drive / "frames.jsonl").read_text().splitlines())
    assert datetime.fromisoformat(entry["wall_time"]) - begin < timedelta(seconds=0.5)


@pytest.mark.parametrize("order", ["human_drives", "resume"])
@pytest.mark.parametrize("overtaken", ["by a newer frame", "at the deadline"])
def test_the_policy_forgets_between_two_drives_also_if_the_first_frame_is_overtaken(road, order, overtaken):
    road.drive_one_frame()
    road.block_the_policy()
    if order == "human_drives":
        road.session.human_drives()
    else:
        road.session.stop("operator")
        road.session.resume("operator")
    road.submit()
    if overtaken == "by a newer frame":
        road.session.renew(road.frame())
    else:
        road.session.tick(time.monotonic() + 1)
        road.submit()
    road.policy.gate.set()
    road.wait_for(lambda: road.policy.seen.count("frame") == 3)
    road.drive_one_frame()
    assert road.policy.seen == ["reset", "frame", "frame", "reset", "frame", "frame"]


def test_a_vehicle_that_drives_has_nothing_to_resume(road):
    road.drive_one_frame()
    road.session.resume("operator")
    road.drive_one_frame()
    assert road.policy.seen == ["reset", "frame", "frame"]


def test_who_is_not_heard_is_told_to_roll_and_gets_gas_again_slowly(road):
    for _ in range(5):
        road.drive_one_frame()
        time.sleep(0.02)
    assert road.session.command.gas > 0.0
    steering = road.session.command.steering
    assert road.session.coast() == Command(steering, 0.0, 0.0)
    road.drive_one_frame()
    assert road.session.command.gas <= LIMITS.gas_rise_max_per_s * LIMITS.step_max_s
