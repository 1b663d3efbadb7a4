"""Minutes of faults against the running service: `python -m tests.sim_bridges.udacity.soak [MINUTES]`."""

import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sim_bridges.udacity.settings import LIMITS
from tests.sim_bridges.udacity.running_server import ROOT, eventually
from tests.sim_bridges.udacity.simulator_client import SimulatorClient

SURVIVORS = 4

BROKEN_PAYLOADS = [
    lambda body: body | {"image": body["image"][: len(body["image"]) // 2]},
    lambda body: body | {"image": body["image"][:1001]},
    lambda body: body | {"image": None},
    lambda body: body | {"image": "/9j/2wBD" + "A" * 1000},
    lambda body: body | {"speed": "NaN"},
    lambda body: body | {"speed": "1e308", "steering_angle": "-1e308"},
    lambda body: body | {"steering_angle": None},
    lambda _body: None,
    lambda _body: [1, "two", {}],
    lambda _body: "text",
]
GARBAGE = [
    '42["telemetry",{"speed":',
    "42[",
    "4",
    "x",
    "",
    "45-[",
    "4" + "[" * 50_000,
    '42/other,["telemetry",{}]',
]


@dataclass
class Outcome:
    """What a soak has shown."""

    minutes: float
    commands: int
    reconnects: int
    faults: int
    memory_warm_mib: float
    memory_end_mib: float
    chains_alive: int
    chains_expected: int
    survivors_lost_and_back: int
    out_of_envelope: int
    alive: bool
    exit_code: int | None
    farewells: dict[str, int]


class Survivor:
    """A simulator that dials again when its connection is lost, as the shipped one does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stopping = threading.Event()
        self.clients = [self._dial()]
        threading.Thread(target=self._redial, daemon=True).start()

    @property
    def commands(self) -> int:
        return sum(len(client.tally.steers) for client in self.clients)

    @property
    def out_of_envelope(self) -> int:
        return sum(client.out_of_envelope for client in self.clients)

    def is_driven(self) -> bool:
        """Says whether replies keep coming."""
        before = self.commands
        return eventually(lambda: self.commands >= before + 10, 60)

    def stop(self) -> None:
        self._stopping.set()
        self.clients[-1].stop()

    def _dial(self) -> "CheckedClient":
        return CheckedClient(self._port, frame_s=0.05).start()

    def _redial(self) -> None:
        while not self._stopping.wait(0.02):
            if self.clients[-1].tally.closed:
                try:
                    self.clients.append(self._dial())
                except OSError:
                    continue


class CheckedClient(SimulatorClient):
    """Counts the commands that are out of the envelope."""

    out_of_envelope = 0

    def _steer(self, payload, now_s):
        before = self.car.steering
        told_mph = abs(self.car.speed_mph)
        super()._steer(payload, now_s)
        steering, throttle = self.car.steering, self.car.throttle
        rate_max = LIMITS.steering_rate_bound_per_s(0.0) * LIMITS.step_max_s
        jumped = len(self.tally.steers) > 1 and abs(steering - before) > rate_max + 1e-5
        reverses = throttle < 0 and told_mph < 5.0
        if jumped or reverses or not (-1 <= steering <= 1 and -1 <= throttle <= 1):
            self.out_of_envelope += 1


@contextmanager
def faulty_server() -> Iterator[tuple[subprocess.Popen[str], int, Counter[str]]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.sim_bridges.udacity.faulty_server"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        ports: list[int] = []
        farewells: Counter[str] = Counter()

        def read() -> None:
            for line in process.stderr:
                if match := re.search(r"waiting for simulators .*port=(\d+)", line):
                    ports.append(int(match[1]))
                if match := re.search(r"vehicle gone .*reason=(.*)", line):
                    farewells[match[1]] += 1

        threading.Thread(target=read, daemon=True).start()
        assert eventually(lambda: bool(ports), 60)
        try:
            yield process, ports[0], farewells
        finally:
            process.kill()


def soak(duration_s: float, reconnects: int = 100) -> Outcome:
    """Injects every fault in turn for a while and returns what came of it."""
    with faulty_server() as (process, port, farewells):
        survivors = [Survivor(port) for _ in range(SURVIVORS)]
        begin_s = time.monotonic()
        memory_warm = None
        made = faults = 0
        injections = itertools.cycle(INJECTIONS)
        while time.monotonic() - begin_s < duration_s or made < reconnects:
            next(injections)(port)
            faults += 1
            _reconnect(port, made)
            made += 1
            if memory_warm is None and time.monotonic() - begin_s > duration_s / 3:
                memory_warm = resident_mib(process.pid)
        chains = sum(survivor.is_driven() for survivor in survivors)
        redialled = sum(len(survivor.clients) - 1 for survivor in survivors)
        memory_end = resident_mib(process.pid)
        alive = process.poll() is None
        process.terminate()
        exit_code = process.wait(60)
        for survivor in survivors:
            survivor.stop()
        return Outcome(
            minutes=(time.monotonic() - begin_s) / 60,
            commands=sum(survivor.commands for survivor in survivors),
            reconnects=made,
            faults=faults,
            memory_warm_mib=memory_warm or memory_end,
            memory_end_mib=memory_end,
            chains_alive=chains,
            chains_expected=SURVIVORS,
            survivors_lost_and_back=redialled,
            out_of_envelope=sum(survivor.out_of_envelope for survivor in survivors),
            alive=alive,
            exit_code=exit_code,
            farewells=dict(farewells),
        )


def _reconnect(port: int, number: int) -> None:
    """Connects, drives a little and goes: in good order, or abruptly."""
    client = SimulatorClient(port, frame_s=0.01).start()
    client.wait_for_replies(3)
    client.stop() if number % 2 else client.vanish()


def _broken_payloads(port: int) -> None:
    payloads = itertools.cycle(BROKEN_PAYLOADS)
    with SimulatorClient(port, frame_s=0.01, payload=lambda body: next(payloads)(body)) as client:
        client.wait_for_replies(2 * len(BROKEN_PAYLOADS))


def _garbage(port: int) -> None:
    for text in GARBAGE:
        client = SimulatorClient(port, frame_s=0.01).start()
        client.wait_for_replies(2)
        _send(client, text)
        client.wait_for_replies(4, timeout_s=0.3)
        client.stop()


def _huge_message(port: int) -> None:
    client = SimulatorClient(port).start()
    client.wait_for_replies(2)
    _send(client, '42["telemetry",{"image":"' + "A" * 10_000_000 + '"}]')
    client.stop()


def _close_in_the_middle(port: int) -> None:
    """Closes with half a message sent."""
    client = SimulatorClient(port)
    client.socket.sendall(b"\x01\xfe\x03\xf8abcd" + b"x" * 100)
    client.vanish()


def _stall(port: int) -> None:
    with SimulatorClient(port, frame_s=0.01) as client:
        client.wait_for_replies(3)
        client.swallow_next = 1
        time.sleep(0.5)
        client.wait_for_replies(client.tally.replies + 1, timeout_s=5)


def _send(client: SimulatorClient, text: str) -> None:
    try:
        client.send_text(text)
    except OSError:
        client.tally.closed = True


INJECTIONS = [_broken_payloads, _garbage, _huge_message, _close_in_the_middle, _stall]


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    print(json.dumps(asdict(soak(60 * minutes)), indent=2))  # noqa: T201
