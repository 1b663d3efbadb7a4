"""CarRacing as it is used to collect data and to evaluate: on all cores, and with our drawing.

The same drive is made twice, by one process and by two at a time, in turns; the time runs from the first
drive's begin to the last one's end, so that the start of the processes, which a long collection hardly
notices, is left out. Collecting uses our drawing, evaluating the stock environment's, whose scores are those
that are reported. `drawing` draws the same states by both; its `mean_error` is how far the pictures differ,
as a share of the full range.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import numpy as np
from gymnasium.envs.box2d.car_racing import CarRacing as StockCarRacing
from numpy.typing import NDArray

from benchmarks.timing import Round, Row, median_row, ratio_row
from controller.interface import Policy
from controller.pixel_policy import load_policy_factory
from controller.runtime import limit_threads
from models.checkpoint import SHIPPED
from sim_bridges.carracing.environment import CarRacing, make_environment
from sim_bridges.carracing.episode import drive
from sim_bridges.processes import map_in_processes
from training.carracing.expert import Expert
from training.carracing.recipe import PREPROCESSING
from training.carracing.rollout import roll_out
from training.carracing.simulator import OnDemandCarRacing
from training.carracing.styles import STYLES

PACKAGES = ("gymnasium", "box2d", "pygame-ce", "opencv-python-headless", "ai-edge-litert")
ROUNDS = 3
PROCESSES = 2
TRACK = 1
EXPERT_SHARE = 0.5
DRAWN_STATES = 100
START_MAX_S = 60.0

Interval = tuple[float, float]
Work = Callable[[int], Interval]


def run() -> list[Row]:
    """Return what the cores gain in collecting and in evaluating, and what our drawing gains."""
    return [
        _vs_one_process("simulation.collection.drives_per_s.vs_one_process", _collect),
        _vs_one_process("simulation.evaluation.episodes_per_s.vs_one_process", _evaluate),
        *_drawing(),
    ]


def _vs_one_process(metric: str, work: Work) -> Row:
    tracks = [TRACK] * PROCESSES
    _start(None)
    rounds = []
    for _ in range(ROUNDS):
        ready = get_context("spawn").Barrier(PROCESSES)
        one_s = _took_s(map(work, tracks))
        two_s = _took_s(map_in_processes(work, tracks, _start, (ready,)))
        rounds.append({"one process": one_s, "two": two_s})
    return ratio_row(metric, rounds, "one process", "two", f"{len(tracks)} drives", ">= 1.8")


def _took_s(intervals: Iterable[Interval]) -> float:
    """Return the seconds from the first begin to the last end."""
    begins_s, ends_s = zip(*intervals, strict=True)
    return float(max(ends_s) - min(begins_s))


_worker: dict[str, Policy] = {}


def _start(ready: Barrier | None) -> None:
    """Load the policy, and wait for the other processes."""
    limit_threads(1)
    _worker["policy"] = load_policy_factory(SHIPPED / "carracing-lan.weights.h5")()
    if ready is not None:
        ready.wait(START_MAX_S)


def _collect(track: int) -> Interval:
    begin_s = time.monotonic()
    roll_out(track, EXPERT_SHARE, PREPROCESSING, _worker["policy"])
    return begin_s, time.monotonic()


def _evaluate(track: int) -> Interval:
    begin_s = time.monotonic()
    drive(CarRacing(make_environment()), _worker["policy"], track)
    return begin_s, time.monotonic()


def _drawing() -> list[Row]:
    """Return how many times faster ours draws, and how far it is off."""
    stock, ours = StockCarRacing(), OnDemandCarRacing()
    ours.drawing = True
    stock.reset(seed=TRACK)
    ours.reset(seed=TRACK)
    expert = Expert(ours.track, STYLES[0.0])
    rounds, errors = [], []
    for _ in range(ROUNDS):
        times: Round = {"stock": 0.0, "ours": 0.0}
        differences = []
        for _ in range(DRAWN_STATES):
            command = expert.act(ours.car)
            for environment in (stock, ours):
                environment.step(np.array([command.steering, command.gas, command.brake]))
            pictures = {}
            for name, environment in (("stock", stock), ("ours", ours)):
                begin_s = time.perf_counter()
                pictures[name] = environment._render("state_pixels")
                times[name] += time.perf_counter() - begin_s
            differences.append(_mean_error(pictures["stock"], pictures["ours"]))
        rounds.append(times)
        errors.append(np.mean(differences))
    return [
        ratio_row(
            "simulation.drawing.frames_per_s.vs_stock",
            rounds,
            "stock",
            "ours",
            f"{DRAWN_STATES} frames of the expert's drive",
            ">= 1.7",
        ),
        median_row(
            "simulation.drawing.mean_error",
            errors,
            "share",
            "the stock environment's pictures",
            "<= 1/255",
        ),
    ]


def _mean_error(expected: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> float:
    return float(np.abs(expected.astype(float) - drawn).mean() / 255)
