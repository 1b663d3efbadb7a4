"""The time from a telemetry to its command, over real sockets, against the usual way.

Both servers run as processes of their own and are driven in turns by the tests' client of the simulator's
dialect: raw websocket, fragments of 1016 bytes, no TCP_NODELAY, 20 frames a second. The usual way gets a
client that starts with one telemetry only, so that both have one chain. Both drive by the published network;
`driver` is ours with the network that we ship.

Frames of several vehicles that wait together are not put through the network in one call. `batch` shows why:
it is the time of n calls of one frame divided by that of one call of n frames, for the driving network's
encoder, in which most of its time goes. One after the other, n frames wait (n + 1) / 2 calls on average, but
in one call each waits for all: that pays on average only above 2n / (n + 1).
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import NETWORKS, Row, alternate, median_row, row
from models import checkpoint
from models.export import converted, export
from sim_bridges.udacity.policies import SHIPPED_WEIGHTS
from tests.models.test_published import Published
from tests.sim_bridges.udacity.simulator_client import SimulatorClient, noisy_road

PACKAGES = (*NETWORKS, "ai-edge-litert", "python-socketio", "python-engineio", "eventlet")
ROUNDS = 3
FRAMES_A_ROUND = 120
WARM_UP_FRAMES = 20
FRAME_S = 0.05
SIMULATORS = 16
CROWD_S = 15.0
BATCHES = (4, 16)
BATCH_SECONDS = 5.0

_SERVE = """
import sys
from pathlib import Path
from sim_bridges.udacity.commands import serve
serve(weights=Path(sys.argv[1]), port=0)
"""


def run() -> list[Row]:
    """Return how many times longer the usual way takes, and the latency with many simulators at once."""
    sys.setswitchinterval(0.0005)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        published = Published(Path(folder)).path
        export(published)
        ways = {
            "usual": (servers.enter_context(_server(["-m", "benchmarks.usual_drive"])), 1),
            "ours": (servers.enter_context(_server(["-c", _SERVE, str(published)])), 2),
            "driver": (servers.enter_context(_server(["-c", _SERVE, str(SHIPPED_WEIGHTS)])), 2),
        }
        rounds = [{name: _round_trips_s(*way) for name, way in ways.items()} for _ in range(ROUNDS)]
    with _server(["-c", _SERVE, str(SHIPPED_WEIGHTS)]) as port:
        crowd_s, chains = _crowd(port)
    alive = f"budget 50 ms; {chains} of {SIMULATORS} chains alive"
    p99_ms = 1e3 * np.percentile(crowd_s, 99)
    return [
        *_ratios("", rounds, "ours"),
        *_ratios("driver.", rounds, "driver"),
        row("loop.16x20hz.p99_ms", p99_ms, "ms", alive, "< 50"),
        row("loop.16x20hz.chains", chains, "chains", f"{SIMULATORS} simulators"),
        *_batching(SHIPPED_WEIGHTS),
    ]


def _ratios(prefix: str, rounds: list[dict[str, list[float]]], ours: str) -> list[Row]:
    rows = []
    for name, percent in (("p50", 50), ("p99", 99)):
        theirs_s, mine_s = (
            np.array([np.percentile(each[way], percent) for each in rounds]) for way in ("usual", ours)
        )
        against = f"usual way: {1e3 * np.median(theirs_s):.1f} ms, ours: {1e3 * np.median(mine_s):.2f} ms"
        metric = f"loop.{prefix}{name}.vs_usual"
        rows.append(median_row(metric, theirs_s / mine_s, "ratio", against))
    return rows


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


def _batching(weights: Path) -> list[Row]:
    """Return how many times longer single calls of LiteRT take than one call of as many frames."""
    encoder = checkpoint.load(weights).network.encoder
    shape = checkpoint.read_manifest(weights).preprocessing
    calls = {size: _call(encoder, (size, shape.height, shape.width, 3)) for size in (1, *BATCHES)}
    rounds = alternate({str(size): call for size, call in calls.items()}, BATCH_SECONDS)
    rows = []
    for size in BATCHES:
        ratios = [size * times["1"] / times[str(size)] for times in rounds]
        single_ms, batch_ms = (
            1e3 * np.median([times[name] for times in rounds]) for name in ("1", str(size))
        )
        against = (
            f"{size} calls of one frame: {single_ms:.2f} ms each, one call: {batch_ms:.2f} ms; "
            f"pays on average above {2 * size / (size + 1):.2f}"
        )
        rows.append(median_row(f"loop.batch{size}.vs_single", ratios, "ratio", against))
    return rows


def _call(encoder: Any, shape: tuple[int, ...]) -> Callable[[], None]:
    """Return a call of LiteRT, on one thread, that encodes as many random frames as the shape says."""
    from ai_edge_litert.interpreter import Interpreter
    from keras import ops

    def step(frames: Any) -> dict[str, Any]:
        return {"features": encoder(ops.cast(frames, "float32"))}

    content = converted(step, {"frames": (shape, "uint8")})
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    frames = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frames)
    interpreter.invoke()
    return interpreter.invoke
