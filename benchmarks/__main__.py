"""Run the benchmarks: `python -m benchmarks [NAME ...]`, all of them without a name.

Every module of this folder with a function `run() -> list[dict]` is a benchmark. Its rows are shown as a
table and written to `build/bench.json`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

import benchmarks

RESULTS = Path("build/bench.json")


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    known = {
        info.name: module.run
        for info in pkgutil.iter_modules(benchmarks.__path__)
        if not info.name.startswith("_")
        and hasattr(module := importlib.import_module(f"benchmarks.{info.name}"), "run")
    }
    if unknown := sorted(set(names) - set(known)):
        sys.exit(f"No such benchmark: {', '.join(unknown)}. Known: {', '.join(sorted(known))}")
    rows = [row for name in names or sorted(known) for row in known[name]()]
    Console().print(_table(rows))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(Column("metric", no_wrap=True), Column("value", justify="right"), "unit", "against")
    for row in rows:
        table.add_row(row["metric"], f"{row['value']:.3g}", row["unit"], row["against"])
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
