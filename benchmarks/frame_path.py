"""The whole way of a frame, from the telemetry's text to the reply's, against the usual `drive.py`.

Both ways take the same telemetries and drive by the same published network with the same weights, in turns
in one process: JSON, base64, JPEG, crop, resize and colours, network, speed control, reply. The usual way
decodes with Pillow and calls `model.predict`; ours runs LiteRT, and has the safety envelope besides. Sockets
are left out; the loop's benchmark has them.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from importlib import metadata
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import simplejpeg
import tensorflow as tf
from PIL import Image

from benchmarks.loop import exported_policy
from benchmarks.usual_drive import network as usual_network
from controller.interface import Command, Observation, Policy
from controller.longitudinal import CruiseMemory, CruiseSettings, cruise
from controller.pixel_policy import load_policy_factory
from controller.runtime import RuntimeChoice
from controller.safety import Frame, Memory, SafetyLimits, advance
from models.export import export
from models.published import INPUT_SHAPE
from sim_bridges.udacity.bridge import vehicle_frame
from sim_bridges.udacity.dialect import STEER, write_command
from tests.models.test_published import Published
from tests.sim_bridges.udacity.simulator_client import noisy_road

ROUNDS = 5
OUR_FRAMES = 500
USUAL_FRAMES = 100
WARM_UP_FRAMES = 20
FLAT_FRAMES = 100_000
TRACED_FRAMES = 2_000
FRAME_S = 0.05
SPEED_MPS = 6.7
SAME_STEERING = 1e-3

Row = dict[str, Any]

_MATRIX_SPEED = """
import time
import numpy as np
a = np.random.default_rng(0).random((1024, 1024), np.float32)
times_s = []
for _ in range(20):
    begin_s = time.perf_counter()
    a @ a
    times_s.append(time.perf_counter() - begin_s)
print(2 * 1024**3 / np.median(times_s))
"""


def run() -> list[Row]:
    """Return how many times longer the usual way takes, how near ours is to its limit, and what it keeps."""
    texts = [_telemetry(seed) for seed in range(8)]
    with tempfile.TemporaryDirectory() as folder:
        published = Published(Path(folder))
        export(published.path)
        ours = OurWay(load_policy_factory(published.path, RuntimeChoice.LITERT)())
        driver = OurWay(load_policy_factory(exported_policy(Path(folder)), RuntimeChoice.LITERT)())
    usual = UsualWay(published.network)
    _check_same_steering(ours, usual, texts)
    rounds = _in_turns(ours, driver, usual, texts)
    return [
        *_ratios("", rounds["usual"], rounds["ours"], "the same network"),
        *_ratios("driver.", rounds["usual"], rounds["driver"], "our driving network"),
        _limit(rounds, published.network),
        *_flatness(ours, texts),
    ]


class OurWay:
    """The service's way without its sockets and threads.

    Args:
        policy: The policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._limits = SafetyLimits()
        self._settings = CruiseSettings(SPEED_MPS)
        self._memory = Memory()
        self._cruise: CruiseMemory | None = None
        self._now_s = 0.0

    def __call__(self, text: str) -> str:
        """Return the reply to a telemetry; one frame later than the call before."""
        self._now_s += FRAME_S
        frame = vehicle_frame(json.loads(text[2:])[1], self._now_s)
        speed_mps = frame.speed_mps or 0.0
        steering = self._policy.act(Observation(frame.look().image, self._now_s, speed_mps)).steering
        self._cruise, pedals = cruise(self._cruise, self._now_s, speed_mps, steering, self._settings)
        proposal = Command(steering, pedals.gas, pedals.brake)
        event = Frame(self._now_s, proposal, speed_mps=speed_mps, steering=frame.steering)
        self._memory, _ = advance(self._memory, event, self._limits)
        return "42" + json.dumps([STEER, write_command(self._memory.command)], separators=(",", ":"))

    def steering(self, text: str) -> float:
        """Return what the network proposes for a telemetry."""
        image = vehicle_frame(json.loads(text[2:])[1], 0.0).look().image
        return self._policy.act(Observation(image, 0.0)).steering


class UsualWay:
    """What the public `drive.py` scripts do.

    Args:
        published: A network with the weights, whose layer is put in the form that was published.
    """

    def __init__(self, published: keras.Model) -> None:
        self._network = usual_network()
        self._network.set_weights(published.get_weights())
        self._integral = 0.0

    def __call__(self, text: str) -> str:
        """Return the reply to a telemetry."""
        data = json.loads(text[2:])[1]
        steering = self.steering(text)
        error = 15.0 - float(data["speed"])
        self._integral += error
        throttle = 0.1 * error + 0.002 * self._integral
        reply = {"steering_angle": str(steering), "throttle": str(throttle)}
        return "42" + json.dumps(["steer", reply], separators=(",", ":"))

    def steering(self, text: str) -> float:
        """Return what the network proposes for a telemetry."""
        data = json.loads(text[2:])[1]
        image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image"]))))
        road = cv2.resize(image[60:-25], INPUT_SHAPE[1::-1], interpolation=cv2.INTER_LINEAR)
        frame = cv2.cvtColor(road, cv2.COLOR_RGB2YUV).astype(np.float32)
        return float(self._network.predict(frame[None], verbose=0)[0, 0])


def _telemetry(seed: int) -> str:
    image = base64.b64encode(noisy_road(seed)).decode()
    body = {"steering_angle": "0.0000", "throttle": "0.2000", "speed": "12.0000", "image": image}
    return "42" + json.dumps(["telemetry", body], separators=(",", ":"))


def _jpeg(text: str) -> bytes:
    return base64.b64decode(json.loads(text[2:])[1]["image"])


def _check_same_steering(ours: OurWay, usual: UsualWay, texts: list[str]) -> None:
    difference = max(abs(ours.steering(text) - usual.steering(text)) for text in texts)
    if difference > SAME_STEERING:
        raise RuntimeError(f"the two ways steer differently, by {difference:g}")


def _in_turns(
    ours: OurWay, driver: OurWay, usual: UsualWay, texts: list[str]
) -> dict[str, list[list[float]]]:
    """Return the seconds of every frame of every round, for each way and for decoding alone."""
    jpegs = [_jpeg(text) for text in texts]
    parts: list[tuple[str, Callable[[Any], object], list[Any], int]] = [
        ("ours", ours, texts, OUR_FRAMES),
        ("usual", usual, texts, USUAL_FRAMES),
        ("driver", driver, texts, OUR_FRAMES),
        ("decode", simplejpeg.decode_jpeg, jpegs, OUR_FRAMES),
    ]
    for _, way, items, _ in parts:
        _seconds(way, items, WARM_UP_FRAMES)
    rounds: dict[str, list[list[float]]] = {name: [] for name, *_ in parts}
    for _ in range(ROUNDS):
        for name, way, items, count in parts:
            rounds[name].append(_seconds(way, items, count))
    return rounds


def _seconds(way: Callable[[Any], object], items: list[Any], count: int) -> list[float]:
    times_s = []
    for item in islice(cycle(items), count):
        begin_s = time.perf_counter()
        way(item)
        times_s.append(time.perf_counter() - begin_s)
    return times_s


def _ratios(prefix: str, usual: list[list[float]], ours: list[list[float]], network: str) -> list[Row]:
    rows = []
    for name, percent in (("p50", 50), ("p99", 99)):
        theirs = [float(np.percentile(times_s, percent)) for times_s in usual]
        mine = [float(np.percentile(times_s, percent)) for times_s in ours]
        ratios = [a / b for a, b in zip(theirs, mine, strict=True)]
        against = (
            f"{network}: {1e3 * statistics.median(mine):.2f} ms, drive.py: "
            f"{1e3 * statistics.median(theirs):.1f} ms; {min(ratios):.0f} to {max(ratios):.0f} in "
            f"{ROUNDS} rounds"
        )
        metric = f"frame_path.{prefix}{name}.vs_drive_py"
        rows.append(_row(metric, statistics.median(ratios), "ratio", against))
    return rows


def _limit(rounds: dict[str, list[list[float]]], network: keras.Model) -> Row:
    """Return our time as a multiple of what cannot be spared: decoding and the network's arithmetic."""
    ours_s, decode_s = (
        statistics.median(map(statistics.median, rounds[name])) for name in ("ours", "decode")
    )
    operations, per_s = _operations(network), _matrix_operations_per_s()
    limit_s = decode_s + operations / per_s
    against = (
        f"{1e6 * limit_s:.0f} us: simplejpeg {1e6 * decode_s:.0f} us, {1e-6 * operations:.0f} MFLOP "
        f"at {1e-9 * per_s:.0f} GFLOP/s of one core {1e6 * operations / per_s:.0f} us"
    )
    return _row("frame_path.p50.vs_limit", ours_s / limit_s, "ratio", against)


def _operations(network: keras.Model) -> int:
    """Return the floating-point operations of one frame."""
    step = tf.function(lambda frame: network(frame, training=False))
    graph = step.get_concrete_function(tf.TensorSpec((1, *INPUT_SHAPE), tf.float32)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    return int(tf.compat.v1.profiler.profile(graph, options=options).total_float_ops)


def _matrix_operations_per_s() -> float:
    """Return the speed of a large matrix product on one core, as many as the network gets."""
    one_core = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _MATRIX_SPEED]
    return float(subprocess.run(command, env=one_core, capture_output=True, check=True).stdout)  # noqa: S603


def _flatness(ours: OurWay, texts: list[str]) -> list[Row]:
    """Return how much more memory is in use after many frames than before."""
    before_kib = _resident_kib()
    _seconds(ours, texts, FLAT_FRAMES)
    grown_kib = _resident_kib() - before_kib
    tracemalloc.start()
    _seconds(ours, texts, WARM_UP_FRAMES)
    traced_bytes = _traced_bytes()
    _seconds(ours, texts, TRACED_FRAMES)
    grown_bytes = _traced_bytes() - traced_bytes
    tracemalloc.stop()
    return [
        _row("frame_path.rss_growth", grown_kib, "KiB", f"{FLAT_FRAMES} frames, {before_kib / 1024:.0f} MiB"),
        _row("frame_path.allocated_growth", grown_bytes, "bytes", f"{TRACED_FRAMES} frames, by tracemalloc"),
    ]


def _resident_kib() -> int:
    gc.collect()
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError("this system does not tell the memory in use")
    return int(found[1])


def _traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _row(metric: str, value: float, unit: str, against: str) -> Row:
    packages = ("ai-edge-litert", "tensorflow", "keras", "opencv-python-headless", "pillow", "simplejpeg")
    return {
        "benchmark": "frame_path",
        "metric": metric,
        "value": float(value),
        "unit": unit,
        "against": against,
        "versions": {name: metadata.version(name) for name in packages},
    }
