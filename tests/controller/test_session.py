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
from controller.longitudinal import CruiseSettings
from controller.metrics import Metrics
from controller.recorder import Recorder
from controller.safety import SafetyLimits, State
from controller.session import Picture, SessionSettings, VehicleFrame, VehicleSession


class GatedPolicy:
    """Answers while its gate is open."""

    name = "gated"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.seen: list[str] = []

    def reset(self) -> None:
        self.seen.append("reset")

    def act(self, observation: Observation) -> Command:
        self.seen.append("frame")
        self.gate.wait(10)
        return Command(0.0, 0.0, 0.0)


class Road:
    """A session and what the service does for it, at the test's own pace."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.policy = GatedPolicy()
        self.answers: list[Command] = []
        self._posted: list[Callable[[], None]] = []
        settings = SessionSettings(SafetyLimits(), CruiseSettings(5.0))
        self.session = VehicleSession("car", self.policy, settings, Metrics(), self._posted.append, recorder)

    def frame(self) -> VehicleFrame:
        return VehicleFrame(
            time.monotonic(), lambda: Picture(np.zeros((160, 320, 3), np.uint8), b""), 5.0, 0.0
        )

    def submit(self) -> None:
        self.session.submit(self.frame(), self.answers.append)

    def run_posted(self) -> None:
        while self._posted:
            self._posted.pop(0)()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 10
        while not condition() and time.monotonic() < end_s:
            self.run_posted()
            time.sleep(0.005)
        assert condition()

    def drive_one_frame(self) -> None:
        answered = len(self.answers)
        self.submit()
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
    held = replace(road.frame(), received_s=time.monotonic() - 10)
    road.session.submit(held, road.answers.append)
    road.session.tick(time.monotonic())
    assert not road.answers
    assert not road.session.silent(time.monotonic())


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
    assert road.session.coast() == Command(road.session.command.steering, 0.0, 0.0)
    road.drive_one_frame()
    assert road.session.command.gas <= SafetyLimits().gas_rise_max_per_s * SafetyLimits().step_max_s
