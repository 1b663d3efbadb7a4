"""The service for all vehicles."""

import threading
import time
from dataclasses import replace

import pytest

from controller.interface import Command
from controller.safety import State
from controller.service import REDIAL_S, ControllerService, ServiceFullError
from sim_bridges.udacity.settings import LIMITS, session_settings


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
    service = ControllerService(
        StillPolicy, replace(session_settings(5.0), limits=limits), lambda call: call()
    )
    service.ready = True
    yield service
    service.shut_down()


def fail(service, address):
    session = service.open(address)
    for moment_s in (0.0, 0.01, 0.02):
        session.answer_broken(moment_s, "nothing to see")
    assert session.failed
    return session


def leave_after_a_failure(service, address):
    service.close(fail(service, address), "test")


def test_who_failed_and_dials_again_stands_until_the_operator_resumes(service):
    leave_after_a_failure(service, "10.0.0.1")
    assert service.open("10.0.0.2").state is State.READY
    again = service.open("10.0.0.1")
    assert again.state is State.STOPPING
    assert service.open("10.0.0.1").state is State.READY
    time.sleep(service.settings.silence_s)
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
    time.sleep(service.settings.silence_s)
    service.tick(time.monotonic())
    assert again.state is State.STOPPING
    assert again.failed
    assert elsewhere.state is State.READY
    service.close(old, "no answer to pings")
    assert service.open("10.0.0.1").state is State.READY


def test_who_failed_and_dials_again_just_before_its_old_link_ends_stands_too(service):
    old = fail(service, "10.0.0.1")
    elsewhere, again = service.open("10.0.0.2"), service.open("10.0.0.1")
    service.close(old, "transport close")
    assert again.state is State.STOPPING
    assert again.failed
    assert elsewhere.state is State.READY
    assert service.open("10.0.0.1").state is State.READY


def test_another_vehicle_at_the_same_address_drives_on(service):
    old = fail(service, "10.0.0.1")
    other = service.open("10.0.0.1")
    old.answer_broken(0.03, "nothing to see")
    service.close(old, "transport close")
    assert other.state is State.READY
    assert service.open("10.0.0.1").state is State.STOPPING


def test_a_vehicle_that_left_while_it_moved_does_not_stand_until_it_says_so(service, monkeypatch):
    monkeypatch.setattr("controller.service.REDIAL_WAIT_S", 0.1)
    assert service.all_stand()
    moving = service.open("10.0.0.1")
    assert service.all_stand()
    moving.answer_broken(0.0, "nothing to see")
    assert not service.all_stand()
    service.close(moving, "transport close")
    assert not service.all_stand()
    again = service.open("10.0.0.1")
    time.sleep(0.1)
    assert not service.all_stand()
    service.close(again, "transport close")
    assert service.all_stand()


def test_a_resume_forgives_also_who_is_gone(service):
    leave_after_a_failure(service, "10.0.0.1")
    assert service.resume_all("test")
    assert service.open("10.0.0.1").state is State.READY


def test_a_failure_is_forgotten_after_a_while(service):
    leave_after_a_failure(service, "10.0.0.1")
    (gone,) = service._failed
    service._failed[0] = replace(gone, left_s=gone.left_s - REDIAL_S)
    assert service.open("10.0.0.1").state is State.READY


def test_without_a_thread_left_no_vehicle_is_admitted(service, monkeypatch):
    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(ServiceFullError, match="no thread left"):
        service.open("10.0.0.1")
    assert not service.status()
