"""The whole way of a frame, from the telemetry's text to the reply's, against the usual `drive.py`.

Both ways take the same telemetries and drive by the same published network with the same weights, in turns
in one process: JSON, base64, JPEG, crop, resize and colours, network, speed control, reply. The usual way
decodes with Pillow and calls `model.predict`; ours runs LiteRT, and has the safety envelope besides. Sockets
are left out; the loop's benchmark has them.

`vs_limit` divides our time by that of what cannot be spared: decoding by simplejpeg, the fastest decoder
found, and the network's arithmetic at the speed of a product of two large matrices by as many threads as the
network gets. `part` tells where our time goes, each part on its own, beside its limit, and `part.rest` how
much longer the whole takes than the parts do one by one: in turn with the others none finds its caches and
the network its second thread as it left them. Of what the network takes above its limit, much no engine can
spare: a convolution with some tens of filters is a narrow matrix product, which does not fill the processor's
units as a large one does.
`convolutions.vs_limit` is the time of bare matrix products of the convolutions' shapes, by OpenBLAS, without
gathering pixels, activations or the rest of the network, as a multiple of the limit of the whole network's
arithmetic; `vs_bare_products` is `vs_limit` with these products in the arithmetic's place. LiteRT takes as
long for 36 filters as for 64, and a pass of its own for each activation; ONNX Runtime was no faster, OpenVINO
was, but not by enough, and takes several times the space. The network gets two threads, as in the service;
`network_one_thread` is its time with one.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import re
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.frame_limit import Arithmetic, arithmetic
from benchmarks.our_way import OurWay, telemetry
from benchmarks.timing import NETWORKS, Row, median_row, row
from benchmarks.usual_drive import network as usual_network
from controller.interface import Policy
from controller.pixel_policy import load_policy_factory
from controller.runtime import RuntimeChoice
from models import checkpoint
from models.export import export
from models.exported import SUFFIX, LiteRtNetwork
from models.published import INPUT_SHAPE, PREPROCESSING
from sim_bridges.udacity.bridge import vehicle_frame
from sim_bridges.udacity.camera import decode_frame, read_jpeg
from sim_bridges.udacity.policies import SHIPPED_WEIGHTS, THREADS
from tests.models.test_published import Published

PACKAGES = (*NETWORKS, "ai-edge-litert", "opencv-python-headless", "pillow", "simplejpeg")
ROUNDS = 5
OUR_FRAMES = 500
USUAL_FRAMES = 100
WARM_UP_FRAMES = 20
FLAT_FRAMES = 100_000
TRACED_FRAMES = 2_000
SAME_STEERING = 1e-3
PARTS = (
    "json",
    "base64",
    "decode",
    "preprocessing",
    "network",
    "network_one_thread",
    "safety_and_reply",
)

Way = Callable[[Any], object]
Contestant = tuple[str, Way, list[Any], int]
"""Name, what is done with an item, the items, and how often in a round."""
Rounds = dict[str, list[list[float]]]
"""For each contestant and round the seconds of every item."""


def run() -> list[Row]:
    """Return how many times longer the usual way takes, how near ours is to its limit, and what it keeps."""
    texts = [telemetry(seed) for seed in range(8)]
    with tempfile.TemporaryDirectory() as folder:
        published = Published(Path(folder))
        export(published.path)
        ours = OurWay(_policy(published.path))
        exported = checkpoint.beside(published.path, SUFFIX).read_bytes()
    driver = OurWay(_policy(SHIPPED_WEIGHTS))
    usual = UsualWay(published.network)
    _check_same_steering(ours, usual, texts)
    rounds = _in_turns(
        [
            ("ours", ours, texts, OUR_FRAMES),
            ("usual", usual, texts, USUAL_FRAMES),
            ("driver", driver, texts, OUR_FRAMES),
            *_parts(ours, exported, texts),
        ]
    )
    return [
        *_ratios("", rounds["usual"], rounds["ours"], "the same network", ">= 60"),
        *_ratios("driver.", rounds["usual"], rounds["driver"], "our driving network"),
        *_limits(rounds, arithmetic(published.network, THREADS)),
        *_flatness(ours, texts),
    ]


def _policy(weights: Path) -> Policy:
    return load_policy_factory(weights, RuntimeChoice.LITERT, THREADS)()


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


def _check_same_steering(ours: OurWay, usual: UsualWay, texts: list[str]) -> None:
    difference = max(abs(ours.steering(text) - usual.steering(text)) for text in texts)
    if difference > SAME_STEERING:
        raise RuntimeError(f"the two ways steer differently, by {difference:g}")


def _parts(ours: OurWay, exported: bytes, texts: list[str]) -> list[Contestant]:
    """Return the parts of our way, each with inputs of its own, and the fastest decoder."""
    payloads = [json.loads(text[2:])[1] for text in texts]
    jpegs = [read_jpeg(payload["image"]) for payload in payloads]
    images = [decode_frame(jpeg) for jpeg in jpegs]
    inputs = [PREPROCESSING(image) for image in images]
    served, one = (LiteRtNetwork(exported, threads) for threads in (THREADS, 1))
    parts: list[tuple[str, Way, list[Any]]] = [
        ("json", lambda text: json.loads(text[2:]), texts),
        ("base64", lambda payload: read_jpeg(payload["image"]), payloads),
        ("decode", decode_frame, jpegs),
        ("preprocessing", PREPROCESSING, images),
        ("network", lambda frame: served.step(frame, 0.0, None), inputs),
        ("safety_and_reply", lambda payload: ours.reply(vehicle_frame(payload, 0.0), 0.01), payloads),
        ("network_one_thread", lambda frame: one.step(frame, 0.0, None), inputs),
        ("simplejpeg", simplejpeg.decode_jpeg, jpegs),
    ]
    return [(name, way, items, OUR_FRAMES) for name, way, items in parts]


def _in_turns(contestants: list[Contestant]) -> Rounds:
    """Return the seconds of every frame of every round of each contestant."""
    for _, way, items, _ in contestants:
        _seconds(way, items, WARM_UP_FRAMES)
    rounds: Rounds = {name: [] for name, *_ in contestants}
    for _ in range(ROUNDS):
        for name, way, items, count in contestants:
            rounds[name].append(_seconds(way, items, count))
    return rounds


def _seconds(way: Way, items: list[Any], count: int) -> list[float]:
    times_s = []
    for item in islice(cycle(items), count):
        begin_s = time.perf_counter()
        way(item)
        times_s.append(time.perf_counter() - begin_s)
    return times_s


def _ratios(
    prefix: str, usual: list[list[float]], ours: list[list[float]], network: str, asked: str = ""
) -> list[Row]:
    rows = []
    for name, percent in (("p50", 50), ("p99", 99)):
        theirs = [float(np.percentile(times_s, percent)) for times_s in usual]
        mine = [float(np.percentile(times_s, percent)) for times_s in ours]
        ratios = [a / b for a, b in zip(theirs, mine, strict=True)]
        against = (
            f"{network}: {1e3 * statistics.median(mine):.2f} ms, drive.py: "
            f"{1e3 * statistics.median(theirs):.1f} ms"
        )
        rows.append(_spread_row(f"{prefix}{name}.vs_drive_py", ratios, "ratio", against, asked))
    return rows


def _limits(rounds: Rounds, arithmetic: Arithmetic) -> list[Row]:
    """Return our time and those of its parts beside what cannot be spared."""
    medians_s = {name: [statistics.median(times_s) for times_s in each] for name, each in rounds.items()}
    ours_s = medians_s["ours"]
    decode_s = statistics.median(medians_s["simplejpeg"])
    limit_s = decode_s + arithmetic.seconds
    bare_s = decode_s + arithmetic.products_s
    limits = {"decode": decode_s, "network": arithmetic.seconds}
    reasons = {"decode": "simplejpeg", "network": str(arithmetic)}
    rows = [
        _spread_row(
            "p50.vs_limit",
            [s / limit_s for s in ours_s],
            "ratio",
            f"{1e6 * limit_s:.0f} us: simplejpeg {1e6 * decode_s:.0f} us, {arithmetic} "
            f"{1e6 * arithmetic.seconds:.0f} us",
            "<= 1.5",
        ),
        _spread_row(
            "p50.vs_bare_products",
            [s / bare_s for s in ours_s],
            "ratio",
            f"{1e6 * bare_s:.0f} us: the same, but matrix products of the convolutions' shapes",
        ),
        row(
            "frame_path.convolutions.vs_limit",
            arithmetic.products_s / arithmetic.seconds,
            "ratio",
            f"bare products {1e6 * arithmetic.products_s:.0f} us, limit {1e6 * arithmetic.seconds:.0f} us",
        ),
    ]
    in_turn = [name for name in PARTS if name != "network_one_thread"]
    medians_s["rest"] = [
        whole_s - sum(parts_s)
        for whole_s, *parts_s in zip(ours_s, *(medians_s[name] for name in in_turn), strict=True)
    ]
    for name in (*PARTS, "rest"):
        share = statistics.median(medians_s[name]) / statistics.median(ours_s)
        limit = f"; limit {1e6 * limits[name]:.0f} us: {reasons[name]}" if name in limits else ""
        against = f"{share:.0%} of our way{limit}"
        rows.append(_spread_row(f"part.{name}_us", [1e6 * s for s in medians_s[name]], "us", against))
    return rows


def _spread_row(name: str, values: list[float], unit: str, against: str, asked: str = "") -> Row:
    return median_row(f"frame_path.{name}", values, unit, against, asked)


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
        row(f"frame_path.{name}", grown, unit, against)
        for name, grown, unit, against in (
            ("rss_growth", grown_kib, "KiB", f"{FLAT_FRAMES} frames, {before_kib / 1024:.0f} MiB"),
            ("allocated_growth", grown_bytes, "bytes", f"{TRACED_FRAMES} frames, by tracemalloc"),
        )
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
