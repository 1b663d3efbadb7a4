"""One benchmark in a process of its own, which finds no threads limited or functions compiled by another."""

from __future__ import annotations

import datetime
import importlib
from importlib import metadata

from benchmarks import report
from benchmarks.timing import Row
from sim_bridges.processes import process_pool


def measure(name: str) -> tuple[str, list[Row]]:
    """Return what a benchmark measures, in words, and its results with day, machine and versions."""
    with process_pool(1) as process:
        return process.submit(_run, name).result()


def _run(name: str) -> tuple[str, list[Row]]:
    module = importlib.import_module(f"benchmarks.{name}")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    versions = {package: metadata.version(package) for package in module.PACKAGES}
    measured = {"date": today, "machine": report.machine(), "versions": versions}
    return module.__doc__ or "", [row | measured for row in module.run()]
