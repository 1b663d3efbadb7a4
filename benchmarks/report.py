"""The report `docs/benchmarks.md`: one section for each benchmark, with its plots in `docs/benchmarks/`."""

from __future__ import annotations

import operator
import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.timing import Row
from models.files import write_text

REPORT = Path("docs/benchmarks.md")
PLOTS = Path("docs/benchmarks")

_BOUND = re.compile(r"(<=|>=|<|>) ([\d.e-]+)(?:/([\d.]+))?")
_COMPARISONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}

_LAYER_METRIC = re.compile(
    r"layer\.(?P<scope>full|last)\.(?P<compiler>graph|jit)\.T(?P<length>\d+)\.B(?P<batch>\d+)"
    r"(?P<backward>\.backward)?\.(?P<ratio>vs_\w+)"
)


def write(name: str, description: str, rows: list[Row]) -> None:
    """Write one benchmark's section of the report, and its plots; all other sections stay.

    Args:
        name: The benchmark.
        description: What it measures.
        rows: Its results.
    """
    sections = _written() | {name: _section(name, description, rows)}
    parts = [
        "# Benchmarks",
        "Written by `make bench` (`make bench NAME=layer` for one of them), which leaves the figures in "
        "`build/bench.json` too. Each benchmark has a process of its own. All contestants of a ratio run in "
        "turns in one process, or side by side on one machine; a figure is the median of several rounds, "
        "with the smallest and the largest beside it, and one without these was measured once. Times beside "
        "a ratio are medians of their own, so that their quotient is not exactly the ratio.",
        *(sections[name] for name in sorted(sections)),
    ]
    write_text(REPORT, "\n\n".join(parts) + "\n")


def machine() -> str:
    """Return the machine in words: processor, cores, memory, system and Python, but no names."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{_processor()}, {os.cpu_count()} cores, {gigabytes:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def figure(value: float | None) -> str:
    """Return a figure with three digits."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _written() -> dict[str, str]:
    """Return the sections of the report as it is."""
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {section.split("\n", 1)[0]: f"## {section.rstrip()}" for section in sections}


def _section(name: str, description: str, rows: list[Row]) -> str:
    parts = [f"## {name}", description.strip(), _measured(rows)]
    if any(_LAYER_METRIC.fullmatch(row["metric"]) for row in rows):
        parts += _layer_section(rows)
        rows = [row for row in rows if not _LAYER_METRIC.fullmatch(row["metric"])]
    return "\n\n".join([*parts, _table(rows)])


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1] if found else platform.machine()


def _measured(rows: list[Row]) -> str:
    moments = sorted({f"{row['date']} on {row['machine']}" for row in rows})
    versions = sorted({f"{name} {version}" for row in rows for name, version in row["versions"].items()})
    return f"Measured {'; '.join(moments)}, with {', '.join(versions)}."


def _table(rows: Iterable[Row]) -> str:
    lines = ["| metric | value | min | max | unit | asked | against |", "|---|---:|---:|---:|---|---|---|"]
    for row in rows:
        figures = [figure(row[key]) for key in ("value", "min", "max")]
        cells = [f"`{row['metric']}`", *figures, row["unit"], asked(row), row["against"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def asked(row: Row) -> str:
    """Return what was asked, and whether it is missed."""
    return f"{row['asked']}, **missed**" if missed(row) else row["asked"]


def missed(row: Row) -> bool:
    """Return whether a figure is not as asked: `<= 1.5`, `>= 60`, `< 1/255`, with a remark or without."""
    found = _BOUND.match(row["asked"])
    if found is None or row["value"] is None:
        return False
    comparison, bound, divisor = found.groups()
    limit = float(bound) / float(divisor or 1)
    return not _COMPARISONS[comparison](row["value"], limit)


def _layer_section(rows: list[Row]) -> list[str]:
    """Return one table a kind of pass, a row a length, and the plot of all."""
    groups: dict[tuple[str, ...], dict[int, dict[str, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if match := _LAYER_METRIC.fullmatch(row["metric"]):
            scope, compiler, length, batch, backward, ratio = match.groups()
            key = (scope, batch, "forward and backward" if backward else "forward", compiler)
            groups[key][int(length)][ratio] = row
    parts = []
    for (scope, batch, direction, compiler), lengths in sorted(groups.items()):
        steps = "All time steps" if scope == "full" else "The last time step"
        parts += [f"### {steps}, batch {batch}, {direction}, {compiler}", _pivot(lengths)]
    return [_plot(groups), *parts]


def _pivot(lengths: Mapping[int, Mapping[str, Row]]) -> str:
    ratios = sorted({ratio for found in lengths.values() for ratio in found})
    lines = [f"| T | {' | '.join(ratios)} |", f"|---:|{'---:|' * len(ratios)}"]
    for length, found in sorted(lengths.items()):
        lines.append(f"| {length} | {' | '.join(_cell(found.get(ratio)) for ratio in ratios)} |")
    return "\n".join(lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return "not measured"
    wanted = f"; asked {asked(row)}" if row["asked"] else ""
    return f"**{figure(row['value'])}** ({figure(row['min'])} to {figure(row['max'])}{wanted})"


def _plot(groups: Mapping[tuple[str, ...], Mapping[int, Mapping[str, Row]]]) -> str:
    """Draw how many times faster the layer is than each contestant, over the number of time steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure_ = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure_)
    panels = [
        ("full", "1", "forward", "jit"),
        ("full", "1", "forward", "graph"),
        ("full", "1", "forward and backward", "jit"),
        ("last", "1", "forward", "jit"),
    ]
    for axes, key in zip(figure_.subplots(2, 2, sharex=True).flat, panels, strict=True):
        lengths = groups.get(key, {})
        for ratio, label in (
            ("vs_mha", "MultiHeadAttention"),
            ("vs_keras_nac", "keras-nac"),
            ("vs_pairwise", "pair by pair"),
        ):
            points = sorted((length, found[ratio]) for length, found in lengths.items() if ratio in found)
            # vs_mha is our time divided by theirs, the others are the reverse.
            sign = -1 if ratio == "vs_mha" else 1
            middle, low, high = ([row[key] ** sign for _, row in points] for key in ("value", "min", "max"))
            line = axes.plot([length for length, _ in points], middle, "o-", label=label)
            axes.fill_between(
                [length for length, _ in points], low, high, alpha=0.2, color=line[0].get_color()
            )
        axes.axhline(1.0, color="black", linewidth=0.8)
        axes.set(xscale="log", yscale="log", title=f"{key[0]}, {key[2]}, {key[3]}, batch 1")
        axes.set(xlabel="time steps", ylabel="times faster")
        axes.grid(alpha=0.3)
    axes.legend()
    PLOTS.mkdir(parents=True, exist_ok=True)
    path = PLOTS / "layer.png"
    figure_.savefig(path, dpi=90, metadata={"Software": None})
    return f"![How many times faster the layer is]({path.relative_to(REPORT.parent)})"
