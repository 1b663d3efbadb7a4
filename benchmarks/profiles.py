"""Where the time goes in simulation, in training and in the service: the three largest costs of each.

A cost is a function's own time, without that of the Python functions that it calls; for functions that are
not written in Python the table also tells who calls them most. The profiler slows Python down, which makes
small functions look dearer than they are.

`carracing_collection` is a drive shared by expert and network, `udacity_drives` are drives beside a recorded
line, `udacity_replay` is a drive along one by the service's session on simulated time, whose network the
simulator waits for, `udacity_batches` are the trainer's chunks of frames, and `frame_path` is the way of a
frame with our driving network. `training_step` is a step of the driving network by kinds of TensorFlow's
operations, `training_step_layers` the same step by layers of the network.
"""

from __future__ import annotations

import cProfile
import pstats
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.our_way import SPEED_MPS, OurWay, telemetry
from benchmarks.timing import NETWORKS, Row, row
from benchmarks.training_step import SIZE, training_step
from controller.pixel_policy import PixelPolicy, load_policy_factory
from models.checkpoint import SHIPPED
from models.driver import LanDriver
from sim_bridges.udacity.policies import SHIPPED_WEIGHTS
from sim_bridges.udacity.recording import Recording, read_recording
from sim_bridges.udacity.replay.direct import drive_directly
from sim_bridges.udacity.replay.stretches import stretches
from sim_bridges.udacity.replay.world import World
from sim_bridges.udacity.settings import session_settings
from tests.sim_bridges.udacity.drawn_recording import draw_recording
from training.carracing import recipe as carracing
from training.carracing import rollout
from training.udacity import drive as udacity
from training.udacity.augment import Augmentation
from training.udacity.collect import scenes
from training.udacity.pipeline import ChunkSource
from training.udacity.recipe import PREPROCESSING, Recipe

PACKAGES = (*NETWORKS, "numpy", "opencv-python-headless", "gymnasium", "pygame-ce", "ai-edge-litert")
LARGEST = 3
TRACK = 1
FRAMES = 300
DRIVES = 20
CHUNKS = 200
STEPS = 5

_ROOT = Path(__file__).resolve().parents[1]
_OPERATION = re.compile(r"(?P<path>[\w/]+):(?P<kind>\w+)")

Work = Callable[[], object]


def run() -> list[Row]:
    """Return the largest costs of every profile."""
    with tempfile.TemporaryDirectory() as folder:
        recording = read_recording(draw_recording(Path(folder) / "recording"))
        drives = _udacity_drives(recording)
        source = ChunkSource(drives(), Recipe().chunk_length, 0, Augmentation(PREPROCESSING))
        works: dict[str, Work] = {
            "carracing_collection": _carracing_collection(),
            "udacity_drives": drives,
            "udacity_replay": _udacity_replay(recording),
            "udacity_batches": lambda: [source.draw(number) for number in range(CHUNKS)],
            "frame_path": _frame_path(),
        }
        rows = [row for name, work in works.items() for row in _rows(name, _own_times_s(work))]
    kinds, layers = _training_step()
    return [*rows, *_rows("training_step", kinds), *_rows("training_step_layers", layers)]


def _carracing_collection() -> Work:
    policy = load_policy_factory(SHIPPED / "carracing-lan.weights.h5")()
    return lambda: rollout.roll_out(TRACK, 0.5, carracing.PREPROCESSING, policy)


def _udacity_drives(recording: Recording) -> Callable[[], udacity.Drives]:
    scene = max(scenes((recording,)), key=lambda scene: len(scene.path))
    odds = np.full(len(scene.path), 1 / len(scene.path))

    def drive() -> udacity.Drives:
        random = np.random.default_rng(0)
        each = (
            udacity.roll_out(scene, PREPROCESSING, odds, Recipe().drive_frames, random) for _ in range(DRIVES)
        )
        return udacity.Drives.joined(each, DRIVES)

    return drive


def _udacity_replay(recording: Recording) -> Work:
    stretch = max(stretches(recording), key=len)
    settings = session_settings(SPEED_MPS)
    policy = _udacity_policy()
    return lambda: drive_directly(World(stretch), policy, settings)


def _frame_path() -> Work:
    texts = [telemetry(seed) for seed in range(8)]
    way = OurWay(_udacity_policy())
    return lambda: [way(texts[number % len(texts)]) for number in range(FRAMES)]


def _udacity_policy() -> PixelPolicy:
    return load_policy_factory(SHIPPED_WEIGHTS)()


def _own_times_s(work: Work) -> Counter[str]:
    """Return the own time of each function in seconds."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    times_s: Counter[str] = Counter()
    for function, (_, _, own_s, _, callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        times_s[_in_words(function, callers)] += own_s
    return times_s


def _in_words(function: tuple[str, int, str], callers: dict[Any, Any]) -> str:
    file, _, name = function
    if file != "~" or not callers:
        return f"`{name}` in {_module(file)}"
    caller_file, _, caller = max(callers, key=lambda each: callers[each][2])
    return f"`{name.strip('<>')}`, called by `{caller}` in {_module(caller_file)}"


def _module(file: str) -> str:
    """Return a file's path below the project or below the folder of installed packages."""
    path = Path(file)
    if "site-packages" in path.parts:
        return "/".join(path.parts[path.parts.index("site-packages") + 1 :])
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name


def _training_step() -> tuple[Counter[str], Counter[str]]:
    """Return the times of one step's operations by their kinds, and by the network's layers."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    step = training_step(LanDriver(image_shape=(SIZE, SIZE, 3)))
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(STEPS):
                step()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    kinds: Counter[str] = Counter()
    layers: Counter[str] = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            if match := _OPERATION.fullmatch(plane.event_metadata[event.metadata_id].name):
                kinds[f"operation {match['kind']}"] += event.duration_ps
                layers[_layer(match["path"])] += event.duration_ps
    return kinds, layers


def _layer(path: str) -> str:
    """Return the layer of the network to which an operation belongs, or that it belongs to none."""
    parts = path.removeprefix("gradient_tape/").split("/")
    if not parts[0].startswith("lan_driver") or len(parts) < 3:
        return "outside of the layers: loss, optimizer, input"
    return f"layer {re.sub(r'_[0-9]+$', '', parts[1])}, forwards and backwards"


def _rows(name: str, times: Counter[str]) -> list[Row]:
    total = sum(times.values())
    return [
        row(f"profiles.{name}.{rank}", 100 * time / total, "% of the time", what)
        for rank, (what, time) in enumerate(times.most_common(LARGEST), 1)
    ]
