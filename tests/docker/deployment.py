"""The controller as compose runs it, and what a test does to it from outside."""

import contextlib
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.docker.engine import ROOT, Engine
from tests.sim_bridges.udacity.simulator_client import SimulatorClient

COMPOSE_FILE = ROOT / "docker" / "compose.yaml"
HOST_NETWORK_FILE = ROOT / "docker" / "compose.host.yaml"
INSIDE = ROOT / "tests" / "docker" / "inside.py"
TAG = f"test-{os.getpid()}"
HEALTHY_TIMEOUT_S = 60
POLL_S = 0.01

FIND_SERVICE = """
import os, pathlib, signal
files = pathlib.Path("/proc").glob("[0-9]*/cmdline")
(pid,) = [file.parent.name for file in files if file.read_bytes().split(b"\\0")[2:3] == [b"serve"]]
"""
"""Finds the service among the processes of its container, where it runs below an init."""

KILL_SERVICE = f"{FIND_SERVICE}os.kill(int(pid), signal.SIGKILL)"
PROCESSOR_TIME = f"""{FIND_SERVICE}
fields = pathlib.Path("/proc", pid, "stat").read_text().split()
print(sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK"))
"""


@dataclass(frozen=True)
class Start:
    """How long a start took until the service answered.

    Attributes:
        seconds: By the clock, from the container's start.
        processor_s: Time of the processor, which other work on the machine does not stretch.
    """

    seconds: float
    processor_s: float


class Deployment:
    """The service `controller` of the compose file, under names of its own.

    Args:
        engine: Where it runs.
        port: Port on this machine's loopback.
        weights: Folder with the policy that drives instead of the one in the image.
        host_network: Whether it runs in this machine's network instead of one of its own.
    """

    def __init__(self, engine: Engine, port: int, weights: Path, host_network: bool = False) -> None:
        self.port = port
        self._project = f"liquid-drive-test-{port}"
        self._files = ["--file", str(COMPOSE_FILE)]
        if host_network:
            self._files += ["--file", str(HOST_NETWORK_FILE)]
        self._engine = engine
        self._settings = {
            "LIQUID_DRIVE_VERSION": TAG,
            "LIQUID_DRIVE_PORT": str(port),
            "LIQUID_DRIVE_WEIGHTS": str(weights),
            "LIQUID_DRIVE_RECORD": "1",
            "LIQUID_DRIVE_ALLOW": "",
            "LIQUID_DRIVE_BIND": "",
            "LIQUID_DRIVE_SPEED": "",
            "LIQUID_DRIVE_TOKEN": "",
        }

    def compose(self, *arguments: str, text: str | None = None) -> str:
        """Runs `docker compose ARGUMENTS` without the settings of whoever tests."""
        return self._engine.run(
            *("compose", *self._files, "--env-file", os.devnull, "--project-name", self._project),
            *arguments,
            text=text,
            extra=self._settings,
        )

    def start(self) -> Start:
        """Starts it, anew or again, and waits until it is healthy."""
        with self._first_answer() as moments:
            self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(HEALTHY_TIMEOUT_S))
        return self._start(moments[0])

    def crash(self) -> Start:
        """Kills the service, and waits until the one that follows is healthy."""
        before = self.inspect()["RestartCount"]
        # The command may die with its container.
        with contextlib.suppress(RuntimeError):
            self.execute("python", "-c", KILL_SERVICE)
        deadline_s = time.monotonic() + HEALTHY_TIMEOUT_S
        while self.inspect()["RestartCount"] == before:
            assert time.monotonic() < deadline_s, "it was not restarted"
            time.sleep(POLL_S)
        with self._first_answer() as moments:
            pass
        return self._start(moments[0])

    def execute(self, *command: str, text: str | None = None) -> str:
        """Runs a command in the container."""
        return self.compose("exec", "--no-TTY", "controller", *command, text=text)

    def look_around(self) -> dict[str, Any]:
        """Returns what the container finds when it looks around."""
        return json.loads(self.execute("python", "-", text=INSIDE.read_text()))

    def inspect(self) -> dict[str, Any]:
        """Returns what the engine knows about the container."""
        return json.loads(self._engine.run("inspect", self.container()))[0]

    def container(self) -> str:
        """Returns the container's identity."""
        return self.compose("ps", "--all", "--quiet", "controller")

    def started_at(self) -> float:
        """Returns the moment of the container's last start, in seconds of the wall clock."""
        text = self.inspect()["State"]["StartedAt"]
        whole, _, fraction = text.removesuffix("Z").partition(".")
        return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")

    def memory(self) -> str:
        """Returns the memory in use and its limit, in words."""
        return self._engine.run("stats", "--no-stream", "--format", "{{.MemUsage}}", self.container())

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        """Returns the status and the body of a web route."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def simulator(self, **settings: Any) -> SimulatorClient:
        """Returns a simulator that is connected to it."""
        return SimulatorClient(self.port, **settings)

    def logs(self) -> str:
        """Returns what the containers have said last."""
        return self.compose("logs", "--no-color", "--no-log-prefix", "--tail", "50")

    def remove(self) -> None:
        """Removes containers, networks and volumes."""
        self.compose("down", "--volumes", "--timeout", "20")

    def _start(self, answered_at: float) -> Start:
        processor_s = float(self.execute("python", "-c", PROCESSOR_TIME))
        return Start(answered_at - self.started_at(), processor_s)

    @contextlib.contextmanager
    def _first_answer(self) -> Iterator[list[float]]:
        """Waits for `/healthz` beside what the caller does; yields a list that then has the moment."""
        moments: list[float] = []
        waiting = threading.Thread(target=self._await_answer, args=(moments,), daemon=True)
        waiting.start()
        yield moments
        waiting.join(HEALTHY_TIMEOUT_S)
        assert moments, f"the service did not become healthy:\n{self.logs()}"

    def _await_answer(self, moments: list[float]) -> None:
        deadline_s = time.monotonic() + HEALTHY_TIMEOUT_S
        while time.monotonic() < deadline_s:
            try:
                if self.get("/healthz") == (200, "ok\n"):
                    moments.append(time.time())
                    return
            except OSError:
                pass
            time.sleep(POLL_S)


@dataclass(frozen=True)
class Stop:
    """What a simulator saw of a service that was told to stop.

    Attributes:
        seconds: From the order until the container was gone.
        speed_mph: The car's, when it was ordered.
        braking: Throttle of the strongest brake that was commanded.
        last: Steering and throttle of the last command before the connection closed.
        closed: Whether the service closed the connection.
        exit_code: The container's.
    """

    seconds: float
    speed_mph: float
    braking: float
    last: tuple[float, float]
    closed: bool
    exit_code: int


def stop_while_driving(deployment: Deployment, speed_mph: float = 8.0) -> Stop:
    """Sends SIGTERM by `docker compose stop` while a car is driving."""
    with deployment.simulator(frame_s=0.05) as client:
        assert client.wait_for(lambda c: c.car.speed_mph >= speed_mph), "the car does not get going"
        driven, speed = len(client.tally.steers), client.car.speed_mph
        begin_s = time.monotonic()
        deployment.compose("stop")
        seconds = time.monotonic() - begin_s
        closed = client.wait_for(lambda c: c.tally.closed, 5)
        commands = client.tally.steers[driven:]
    braking = min(throttle for _, throttle in commands)
    code = deployment.inspect()["State"]["ExitCode"]
    return Stop(seconds, speed, braking, commands[-1], closed, code)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
