"""Run the benchmarks: `python -m benchmarks [NAME ...]`, all of them without a name.

Every module of this folder with a function `run() -> list[dict]` is a benchmark; its docstring says what it
measures. Its rows replace its earlier ones in `build/bench.json`, and its section of `docs/benchmarks.md` is
written anew; the sections of benchmarks that have not run here stay.
"""

from __future__ import annotations

import datetime
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Column, Table

import benchmarks
from benchmarks import report

RESULTS = Path("build/bench.json")

Row = dict[str, Any]


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    modules = _modules()
    if unknown := sorted(set(names) - set(modules)):
        sys.exit(f"No such benchmark: {', '.join(unknown)}. Known: {', '.join(sorted(modules))}")
    for name in names or sorted(modules):
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        measured = {"date": today, "machine": report.machine()}
        rows = [row | measured for row in modules[name].run()]
        # A log has no width of its own; the tables need some.
        Console(width=None if sys.stdout.isatty() else 180).print(_table(rows))
        _save(rows)
    descriptions = {name: module.__doc__ or "" for name, module in modules.items()}
    report.write(json.loads(RESULTS.read_text(encoding="utf-8")), descriptions)


def _modules() -> dict[str, ModuleType]:
    return {
        info.name: module
        for info in pkgutil.iter_modules(benchmarks.__path__)
        if not info.name.startswith("_")
        and hasattr(module := importlib.import_module(f"benchmarks.{info.name}"), "run")
    }


def _save(rows: list[Row]) -> None:
    """Replace the rows of the same benchmarks in the file of results and keep all others."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    renewed = {row["benchmark"] for row in rows}
    kept = [row for row in kept if row["benchmark"] not in renewed]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([*kept, *rows], indent=2) + "\n", encoding="utf-8")


def _table(rows: list[Row]) -> Table:
    table = Table(
        Column("metric", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in ("value", "min", "max")),
        "unit",
        "asked",
        "against",
    )
    for row in rows:
        figures = (report.figure(row.get(key)) for key in ("value", "min", "max"))
        table.add_row(row["metric"], *figures, row["unit"], row.get("asked", ""), row["against"])
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
