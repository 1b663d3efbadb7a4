"""One benchmark in a process of its own, which finds no threads limited or functions compiled by another."""

from __future__ import annotations

import datetime
import importlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import report
from benchmarks.timing import Row


def measure(name: str) -> tuple[str, list[Row]]:
    """Return what a benchmark measures, in words, and its results with day and machine."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_run, name).result()


def _run(name: str) -> tuple[str, list[Row]]:
    module = importlib.import_module(f"benchmarks.{name}")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    measured = {"date": today, "machine": report.machine()}
    return module.__doc__ or "", [row | measured for row in module.run()]
