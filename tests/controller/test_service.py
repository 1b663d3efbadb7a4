"""The service for all vehicles."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from controller import recorder
from controller.interface import Command
from controller.redials import REDIAL_S
from controller.safety import State
from controller.service import ControllerService, ServiceFullError
from controller.session import Picture, VehicleFrame
from sim_bridges.udacity.settings import LIMITS, session_settings

SILENCE_S = 1.0


class StillPolicy:
    """Never moves."""

    name = "still"

    def reset(self):
        pass

    def act(self, _observation):
        return Command(0.0, 0.0, 0.0)


@pytest.fixture
def service():
    limits = replace(LIMITS, degraded_max_s=0.0)
    settings = replace(session_settings(5.0), limits=limits, silence_s=SILENCE_S, deadline_s=30.0)
    service = ControllerService(StillPolicy, settings, lambda call: call())
    service.ready = True
    yield service
    service.shut_down()


def standing_frame(moment_s):
    black = Picture(np.zeros((1, 1, 3), np.uint8), b"")
    return VehicleFrame(moment_s, lambda: black, speed_mps=0.0, steering=0.0)


def fail(service, address):
    session = service.open(address)
    for moment_s in (0.0, 0.01, 0.02):
        session.answer_broken(moment_s, "nothing to see")
    assert session.failed
    return session


def test_the_recording_of_who_left_before_the_last_one_came_is_waited_for(tmp_path, monkeypatch):
    write_new = recorder._write_new

    def write_slowly(path, content):
        time.sleep(0.1)
        write_new(path, content)

    monkeypatch.setattr(recorder, "_write_new", write_slowly)
    service = ControllerService(StillPolicy, session_settings(5.0), lambda call: call(), tmp_path)
    first = service.open("10.0.0.1")
    answered = threading.Semaphore(0)
    for number in range(8):
        first.submit(standing_frame(number / 10), lambda _command: answered.release())
        assert answered.acquire(timeout=5.0)
    service.close(first, "test")
    while first.busy:
        time.sleep(0.01)
    service.open("10.0.0.1")
    service.shut_down()
    (log,) = tmp_path.glob("*/driving_log.csv")
    assert len(log.read_text().splitlines()) == 8


def say_something(session):
    session.answer_broken(time.monotonic(), "nothing to see")


def leave_after_a_failure(service, address):
    service.close(fail(service, address), "test")


def test_who_failed_and_dials_again_stands_until_the_operator_resumes(service):
    leave_after_a_failure(service, "10.0.0.1")
    assert service.open("10.0.0.2").state is State.READY
    again = service.open("10.0.0.1")
    assert again.state is State.STOPPING
    assert service.open("10.0.0.1").state is State.READY
    time.sleep(SILENCE_S)
    say_something(again)
    service.close(again, "a loose link")
    again = service.open("10.0.0.1")
    assert again.state is State.STOPPING
    assert service.resume_all("test")
    assert again.state is State.READY


def test_who_failed_and_dials_again_before_its_old_link_is_known_to_be_dead_stands_too(service):
    old = fail(service, "10.0.0.1")
    elsewhere, again = service.open("10.0.0.2"), service.open("10.0.0.1")
    service.tick(time.monotonic())
    assert again.state is State.READY
    time.sleep(SILENCE_S)
    service.tick(time.monotonic())
    assert again.state is State.STOPPING
    assert again.failed
    assert elsewhere.state is State.READY
    say_something(again)
    service.close(old, "no answer to pings")
    assert service.open("10.0.0.1").state is State.READY


@pytest.mark.parametrize("pause_s", [0.0, 1.2])
def test_who_failed_and_dials_again_just_before_its_old_link_ends_stands_too(service, pause_s):
    old = fail(service, "10.0.0.1")
    elsewhere, again = service.open("10.0.0.2"), service.open("10.0.0.1")
    say_something(old)
    time.sleep(pause_s)
    service.close(old, "transport close")
    assert again.state is State.STOPPING
    assert again.failed
    assert elsewhere.state is State.READY
    say_something(again)
    assert service.open("10.0.0.1").state is State.READY


def test_who_failed_and_breaks_off_again_before_its_first_frame_stands_too(service):
    leave_after_a_failure(service, "10.0.0.1")
    broken = service.open("10.0.0.1")
    assert broken.state is State.STOPPING
    again = service.open("10.0.0.1")
    time.sleep(SILENCE_S)
    service.tick(time.monotonic())
    assert again.state is State.STOPPING
    say_something(again)
    service.close(broken, "no answer to pings")
    assert service.open("10.0.0.1").state is State.READY


def test_another_vehicle_at_the_same_address_drives_on(service):
    old = fail(service, "10.0.0.1")
    other = service.open("10.0.0.1")
    time.sleep(SILENCE_S)
    say_something(old)
    service.close(old, "transport close")
    assert other.state is State.READY
    assert service.open("10.0.0.1").state is State.STOPPING


@pytest.mark.parametrize("resumed", [False, True])
def test_who_failed_and_was_only_silent_stands_after_its_next_break(service, resumed):
    old = fail(service, "10.0.0.1")
    taken_for_it = service.open("10.0.0.1")
    time.sleep(SILENCE_S)
    service.tick(time.monotonic())
    assert taken_for_it.state is State.STOPPING
    if resumed:
        service.resume_all("test")
    for moment_s in (1.0, 1.01, 1.02):
        old.answer_broken(moment_s, "nothing to see")
    service.tick(time.monotonic())
    assert old.failed
    time.sleep(SILENCE_S)
    say_something(taken_for_it)
    say_something(old)
    service.close(old, "transport close")
    assert service.open("10.0.0.1").state is State.STOPPING


def test_a_vehicle_that_left_while_it_moved_does_not_stand_until_it_says_so(service):
    assert service.all_stand()
    service.open("10.0.0.1")
    moving = service.open("10.0.0.2")
    assert service.all_stand()
    moving.answer_broken(0.0, "nothing to see")
    assert not service.all_stand()
    service.close(moving, "transport close")
    assert not service.all_stand()
    assert service.all_stand(redial_s=0.0)
    broken = service.open("10.0.0.2")
    assert not service.all_stand(redial_s=0.0)
    service.close(broken, "transport close")
    assert not service.all_stand()
    again = service.open("10.0.0.2")
    assert not service.all_stand(redial_s=0.0)
    again.stop("test")
    answered = threading.Event()
    again.submit(standing_frame(0.0), lambda _command: answered.set())
    assert answered.wait(30)
    assert service.all_stand()


def test_a_resume_forgives_also_who_is_gone(service):
    leave_after_a_failure(service, "10.0.0.1")
    assert service.resume_all("test")
    assert service.open("10.0.0.1").state is State.READY


def test_a_failure_is_forgotten_after_a_while(service):
    leave_after_a_failure(service, "10.0.0.1")
    (gone,) = service._redials._failed
    service._redials._failed[0] = replace(gone, left_s=gone.left_s - REDIAL_S)
    assert service.open("10.0.0.1").state is State.READY


def test_without_a_thread_left_no_vehicle_is_admitted(service, monkeypatch):
    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(ServiceFullError, match="no thread left"):
        service.open("10.0.0.1")
    assert not service.status()
