"""Comparing running times in one process.

The contestants are called in turns, so that the load of the machine touches them alike; a turn lasts long
enough that a short call finds its data and threads as a call before it left them. Each of several
rounds gives the ratio of their shortest calls, which are those that the machine's other work disturbed least;
the median of these ratios counts, and the smallest and largest are given with it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = dict[str, Any]
Round = dict[str, float]

ROUNDS = 5
TURN_S = 0.02
NETWORKS = ("keras", "tensorflow")
"""The packages that compute networks."""


def alternate(functions: Mapping[str, Callable[[], Any]], seconds: float) -> list[Round]:
    """Return the seconds of the shortest call of each function in each of several rounds.

    Args:
        functions: The contestants, warmed up.
        seconds: How long they take turns, if one turn of each is not longer than a round's share of it.

    Returns:
        At least three rounds; more if the time allows.
    """
    rounds: list[Round] = []
    start = time.perf_counter()
    while len(rounds) < ROUNDS and (len(rounds) < 3 or time.perf_counter() - start < 3 * seconds):
        end = time.perf_counter() + seconds / ROUNDS
        times: dict[str, list[float]] = {name: [] for name in functions}
        while time.perf_counter() < end or not any(times.values()):
            for name, function in functions.items():
                turn_ends = time.perf_counter() + TURN_S
                while time.perf_counter() < turn_ends:
                    began = time.perf_counter()
                    function()
                    times[name].append(time.perf_counter() - began)
        rounds.append({name: min(values) for name, values in times.items()})
    return rounds


def ratio_row(metric: str, rounds: list[Round], over: str, under: str, against: str, asked: str = "") -> Row:
    """Return the row of a ratio of two contestants' times.

    Args:
        metric: Its name; the first part names the benchmark.
        rounds: What `alternate` returned.
        over: The contestant whose time is divided.
        under: The contestant whose time divides.
        against: What the comparison is with, in words.
        asked: The bound that the figure should meet, as text such as "<= 1.6".
    """
    ratios = [times[over] / times[under] for times in rounds]
    took = ", ".join(f"{name} {_milliseconds(rounds, name)} ms" for name in (over, under))
    return median_row(metric, ratios, "ratio", f"{against}: {took}", asked)


def median_row(metric: str, values: Iterable[float], unit: str, against: str, asked: str = "") -> Row:
    """Return the row of the median of several values, with the smallest and the largest."""
    values = sorted(float(value) for value in values)
    spread = {"min": values[0], "max": values[-1]}
    return row(metric, statistics.median(values), unit, against, asked) | spread


def row(metric: str, value: float, unit: str, against: str, asked: str = "") -> Row:
    """Return the row of a figure that was measured once, in the form in which all benchmarks give them."""
    return {
        "benchmark": metric.split(".")[0],
        "metric": metric,
        "value": float(value),
        "min": None,
        "max": None,
        "unit": unit,
        "against": against,
        "asked": asked,
    }


def _milliseconds(rounds: list[Round], name: str) -> str:
    return f"{1e3 * statistics.median(times[name] for times in rounds):.3g}"
