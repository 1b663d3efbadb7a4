"""A real server in a thread, with a small policy that looks at the image, and what tests ask it over HTTP."""

import contextlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.access import access_rules
from controller.interface import Command, Observation
from controller.safety import SafetyLimits
from sim_bridges.udacity.server import ServerSettings, UdacityServer
from sim_bridges.udacity.settings import LIMITS, session_settings

ROOT = Path(__file__).resolve().parents[3]


def shared_folder() -> Path:
    return Path(os.environ.get("LIQUID_DRIVE_SHARED", ROOT.parent / "shared"))


def transcript(name: str) -> list[dict[str, object]]:
    path = shared_folder() / "udacity" / "wire" / f"{name}.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return [json.loads(line) for line in path.read_text().splitlines()]


def recorded_images(name: str) -> list[str]:
    """The camera frames of a transcript."""
    texts = [str(entry["text"]) for entry in transcript(name) if entry["dir"] == "client->server"]
    payloads = [json.loads(text[2:])[1] for text in texts if text.startswith('42["telemetry",{')]
    return [payload["image"] for payload in payloads]


class BrightnessPolicy:
    """Steers to the brighter side of the image."""

    name = "brightness"

    def reset(self) -> None:
        pass

    def act(self, observation: Observation) -> Command:
        width = observation.image.shape[1]
        left = observation.image[:, : width // 2].mean()
        right = observation.image[:, width // 2 :].mean()
        return Command(float(right - left) / 255, 0.0, 0.0)


class RunningServer:
    """A server that runs until it is stopped."""

    def __init__(self, policies: Callable[[], object], settings: ServerSettings) -> None:
        self._policies = policies
        self._settings = settings
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0
        self.server: UdacityServer | None = None
        self._thread.start()
        assert self._started.wait(60)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self.server = UdacityServer(lambda: self._policies, self._settings)
            self.port = self.server.port
            self.server.run(self._started.set)
        except BaseException as error:
            self._failure = error
            self._started.set()

    def stop(self, timeout_s: float = 60.0) -> None:
        self.server.request_stop()
        self._thread.join(timeout_s)
        assert not self._thread.is_alive()

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        return self.request("GET", path, {"Authorization": f"Bearer {token}"} if token else {})

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method, headers=headers or {}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str, token: str | None = None) -> float:
        """The sum of a metric over all its labels."""
        lines = self.get("/metrics", token)[1].splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name
        )

    def vehicles(self) -> list[dict[str, object]]:
        return json.loads(self.get("/status")[1])["vehicles"]

    def wait_for_vehicles(self, count: int, timeout_s: float = 30.0) -> bool:
        """Waits until so many vehicles are connected."""
        return eventually(lambda: len(self.vehicles()) == count, timeout_s)


def eventually(is_true: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if is_true():
            return True
        time.sleep(0.02)
    return is_true()


@contextlib.contextmanager
def serving(
    policies: Callable[[], object] = BrightnessPolicy,
    *,
    speed_mps: float = 6.7,
    limits: SafetyLimits = LIMITS,
    deadline_s: float = 5.0,
    host: str = "127.0.0.1",
    allow: tuple[str, ...] = (),
    token: str | None = None,
    **settings: object,
) -> Iterator[RunningServer]:
    """A running server; its deadline is long, so that a busy machine fails no test that is not about it."""
    session = replace(session_settings(speed_mps), limits=limits, deadline_s=deadline_s)
    defaults: dict[str, object] = {"stop_wait_s": 0.5}
    running = RunningServer(
        policies, ServerSettings(host, 0, access_rules(host, allow, token), session, **(defaults | settings))
    )
    try:
        yield running
    finally:
        running.stop()
