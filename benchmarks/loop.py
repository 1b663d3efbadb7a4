"""The time from a telemetry to its command, over real sockets, against the usual way.

Both servers run as processes of their own and are driven in turns by the tests' client of the simulator's
dialect: raw websocket, fragments of 1016 bytes, no TCP_NODELAY, 20 frames a second. The usual way gets a
client that starts with one telemetry only, so that both have one chain.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from tests.sim_bridges.udacity.simulator_client import SimulatorClient, noisy_road

ROUNDS = 3
FRAMES_A_ROUND = 120
WARM_UP_FRAMES = 20
FRAME_S = 0.05
SIMULATORS = 16
CROWD_S = 15.0

_SERVE = """
import sys
from pathlib import Path
from sim_bridges.udacity.commands import serve
serve(weights=Path(sys.argv[1]), port=0)
"""

Row = dict[str, Any]


def run() -> list[Row]:
    """Return how many times longer the usual way takes, and the latency with many simulators at once."""
    sys.setswitchinterval(0.0005)
    with tempfile.TemporaryDirectory() as folder:
        weights = exported_policy(Path(folder))
        with (
            _server(["-c", _SERVE, str(weights)]) as ours,
            _server(["-m", "benchmarks.usual_drive"]) as usual,
        ):
            ours_s: list[float] = []
            usual_s: list[float] = []
            for _ in range(ROUNDS):
                ours_s += _round_trips_s(ours, starts=2)
                usual_s += _round_trips_s(usual, starts=1)
        with _server(["-c", _SERVE, str(weights)]) as ours:
            crowd_s, chains = _crowd(ours)
    rows = []
    for name, percent in (("p50", 50), ("p99", 99)):
        mine, theirs = np.percentile(ours_s, percent), np.percentile(usual_s, percent)
        against = f"usual way: {1e3 * theirs:.1f} ms, ours: {1e3 * mine:.2f} ms"
        rows.append(_row(f"loop.{name}.vs_usual", theirs / mine, "ratio", against))
    alive = f"budget 50 ms; {chains} of {SIMULATORS} chains alive"
    rows.append(_row("loop.16x20hz.p99_ms", 1e3 * np.percentile(crowd_s, 99), "ms", alive))
    rows.append(_row("loop.16x20hz.chains", chains, "chains", f"{SIMULATORS} simulators"))
    return rows


def exported_policy(folder: Path) -> Path:
    """Return the shipped weights, or untrained ones of that architecture where none are shipped yet."""
    from models import checkpoint
    from models.checkpoint import Manifest
    from models.driver import LanDriver
    from models.export import export
    from models.preprocessing import Preprocessing
    from sim_bridges.udacity.policies import SHIPPED_WEIGHTS

    if SHIPPED_WEIGHTS.is_file():
        return SHIPPED_WEIGHTS
    network = LanDriver(image_shape=(66, 200, 3))
    network.build()
    preprocessing = Preprocessing(160, 320, height=66, width=200, crop_top=60, crop_bottom=25)
    outputs = {"steering": "-1 to 1", "gas": "0 to 1", "brake": "0 to 1"}
    weights = folder / "untrained.weights.h5"
    checkpoint.save(weights, network, Manifest("untrained", {}, preprocessing, outputs))
    export(weights)
    return weights


@contextlib.contextmanager
def _server(arguments: list[str]) -> Iterator[int]:
    """Run a server as a process; yield the port that it prints."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            stdout=output,
            stderr=output,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        try:
            yield _printed_port(process, output)
        finally:
            process.kill()
            process.wait()


def _printed_port(process: subprocess.Popen[bytes], output: Any) -> int:
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and process.poll() is None:
        output.seek(0)
        if found := re.search(r"port=(\d+)", output.read()):
            return int(found[1])
        time.sleep(0.1)
    output.seek(0)
    raise RuntimeError(f"the server did not start:\n{output.read()}")


def _images() -> list[str]:
    return [base64.b64encode(noisy_road(seed)).decode() for seed in range(8)]


def _round_trips_s(port: int, starts: int) -> list[float]:
    with SimulatorClient(port, images=_images(), frame_s=FRAME_S, starts=starts) as client:
        if not client.wait_for_replies(WARM_UP_FRAMES + FRAMES_A_ROUND, timeout_s=120):
            raise RuntimeError("the chain ended")
        return client.tally.round_trips_s[WARM_UP_FRAMES:]


def _crowd(port: int) -> tuple[list[float], int]:
    """Drive many simulators at once; return their round trips and how many chains are alive at the end."""
    clients = [SimulatorClient(port, images=_images()[:1], frame_s=FRAME_S) for _ in range(SIMULATORS)]
    with contextlib.ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
        time.sleep(CROWD_S)
        before = [client.tally.replies for client in clients]
        alive = sum(
            client.wait_for_replies(count + 5) and client.tally.manuals == 0
            for client, count in zip(clients, before, strict=True)
        )
    return [s for client in clients for s in client.tally.round_trips_s[WARM_UP_FRAMES:]], alive


def _row(metric: str, value: float, unit: str, against: str) -> Row:
    return {
        "benchmark": "loop",
        "metric": metric,
        "value": float(value),
        "unit": unit,
        "against": against,
        "versions": {
            name: metadata.version(name)
            for name in (
                "ai-edge-litert",
                "tensorflow",
                "keras",
                "python-socketio",
                "python-engineio",
                "eventlet",
            )
        },
    }
