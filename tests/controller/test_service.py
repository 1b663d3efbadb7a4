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
    service.close(again, "a loose link")
    again = service.open("10.0.0.1")
    assert again.state is State.STOPPING
    assert service.resume_all("test")
    assert again.state is State.READY


def test_who_failed_and_dials_again_before_its_old_link_is_known_to_be_dead_stands_too(service):
    old = fail(service, "10.0.0.1")
    assert service.open("10.0.0.1").state is State.READY
    time.sleep(service.settings.silence_s)
    assert service.open("10.0.0.1").state is State.STOPPING
    service.close(old, "no answer to pings")
    assert service.open("10.0.0.1").state is State.READY


def test_a_resume_forgives_also_who_is_gone(service):
    leave_after_a_failure(service, "10.0.0.1")
    assert service.resume_all("test")
    assert service.open("10.0.0.1").state is State.READY


def test_a_failure_is_forgotten_after_a_while(service):
    leave_after_a_failure(service, "10.0.0.1")
    (address, left_s) = service._failed[0]
    service._failed[0] = (address, left_s - REDIAL_S)
    assert service.open("10.0.0.1").state is State.READY


def test_without_a_thread_left_no_vehicle_is_admitted(service, monkeypatch):
    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(ServiceFullError, match="no thread left"):
        service.open("10.0.0.1")
    assert not service.status()
