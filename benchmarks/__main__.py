"""Run the benchmarks: `python -m benchmarks [NAME ...]`, all of them without a name.

A benchmark is a module of this folder with a function `run() -> list[dict]`; its docstring says what it
measures, and `PACKAGES` what computes it. Its rows replace its earlier ones in `build/bench.json`, and its
section of `docs/benchmarks.md` is written anew; all other sections stay.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from benchmarks import report
from benchmarks.isolation import measure
from benchmarks.timing import Row
from models.files import write_json

BENCHMARKS = (
    "frame_path",
    "layer",
    "loop",
    "memory",
    "pipeline",
    "precision",
    "profiles",
    "simulation",
    "streaming",
    "training_step",
)
RESULTS = Path("build/bench.json")


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        sys.exit(f"No such benchmark: {', '.join(unknown)}. Known: {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        description, rows = measure(name)
        # A log has no width of its own; the tables need some.
        Console(width=None if sys.stdout.isatty() else 180).print(_table(rows))
        _save(rows)
        report.write(name, description, rows)


def _save(rows: list[Row]) -> None:
    """Replace the rows of the same benchmarks in the file of results and keep all others."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    renewed = {row["benchmark"] for row in rows}
    kept = [row for row in kept if row["benchmark"] not in renewed]
    write_json(RESULTS, [*kept, *rows])


def _table(rows: list[Row]) -> Table:
    table = Table(
        Column("metric", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in ("value", "min", "max")),
        "unit",
        "asked",
        "against",
    )
    for row in rows:
        figures = (report.figure(row[key]) for key in ("value", "min", "max"))
        table.add_row(row["metric"], *figures, row["unit"], report.asked(row), row["against"])
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
