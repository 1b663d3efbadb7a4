"""The bridge with a real service, at the test's own pace."""

import base64
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.service import ControllerService
from sim_bridges.udacity.bridge import MODERN_CLIENT_STARTS, UdacityBridge
from sim_bridges.udacity.dialect import MANUAL, MPS_PER_MPH, STEER
from sim_bridges.udacity.settings import session_settings
from tests.controller.test_session import GatedPolicy
from tests.sim_bridges.udacity.running_server import eventually
from tests.sim_bridges.udacity.simulator_client import noisy_road

IMAGE = base64.b64encode(noisy_road()).decode()
LATE = 'liquid_drive_dropped_frames_total{reason="late"} 1.0'


class Desk:
    """A bridge, its service and one client."""

    def __init__(self) -> None:
        self.policy = GatedPolicy()
        self.sent: list[str] = []
        self._posted: list[Callable[[], None]] = []
        settings = replace(session_settings(5.0), deadline_s=30.0)
        self.service = ControllerService(lambda: self.policy, settings, self._posted.append)
        self.bridge = UdacityBridge(self.service, lambda _sid, event, _payload: self.sent.append(event))
        assert self.bridge.connect("client", "127.0.0.1", MODERN_CLIENT_STARTS)

    def telemetry(self, speed_mph: float) -> None:
        payload = {"steering_angle": "0.0000", "speed": f"{speed_mph:.4f}", "image": IMAGE}
        self.bridge.telemetry("client", payload)

    def human_telemetry(self) -> None:
        self.bridge.telemetry("client", None)

    def run_posted(self) -> None:
        while self._posted:
            self._posted.pop(0)()

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        return eventually(lambda: self.run_posted() or condition())


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.policy.gate.set()
    desk.service.shut_down()


def test_after_a_restart_telemetries_that_come_one_by_one_get_one_reply(desk):
    desk.telemetry(10.0)
    assert desk.wait_for(lambda: desk.sent == [STEER])
    desk.bridge.tick(time.monotonic() + 1.5)
    assert desk.sent == 2 * [STEER]
    desk.telemetry(20.0)
    desk.telemetry(30.0)
    assert desk.wait_for(lambda: len(desk.sent) > 2)
    time.sleep(0.2)
    desk.run_posted()
    assert desk.sent == 3 * [STEER]
    (vehicle,) = desk.service.status()
    assert vehicle.speed_mps == pytest.approx(30.0 * MPS_PER_MPH)


def test_a_human_in_place_of_a_frame_that_waits_gets_the_controls_at_once(desk):
    desk.policy.gate.clear()
    desk.telemetry(3.0)
    desk.human_telemetry()
    assert desk.sent == [MANUAL]
    desk.policy.gate.set()
    assert desk.wait_for(lambda: LATE in desk.service.metrics_page().decode())
    assert desk.sent == [MANUAL]


def test_of_a_client_that_falls_silent_is_told_once(desk, caplog):
    def told() -> int:
        return sum("no telemetry for 5 s" in record.message for record in caplog.records)

    now_s = time.monotonic()
    desk.bridge.tick(now_s + 4.0)
    assert told() == 0
    desk.bridge.tick(now_s + 6.0)
    desk.bridge.tick(now_s + 7.0)
    assert told() == 1
    time.sleep(0.2)
    now_s = time.monotonic()
    desk.telemetry(10.0)
    desk.bridge.tick(now_s + 4.9)
    assert told() == 1
    desk.bridge.tick(time.monotonic() + 6.0)
    assert told() == 2
