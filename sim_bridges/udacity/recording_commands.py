"""The command `inspect`: what a recording holds, before anything is trained on it."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from controller.command_line import JsonOption, check_results, console_beside, write_and_show
from sim_bridges.plots import check_picture

if TYPE_CHECKING:
    from sim_bridges.udacity.recording.inspection import Inspection

STRAIGHT_LAPS = 0.005
"""Parts of a turn that round to none."""

RecordingArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder with driving_log.csv and IMG, as the simulator made it.")
]


def inspect(
    folder: RecordingArgument,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this picture file.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Shows what a recording of the Udacity simulator holds: laps, steering, intervals, suspicious rows."""
    from sim_bridges.udacity.recording import inspection, read_recording

    if plot:
        check_picture(plot)
    check_results(json_file)
    recording = read_recording(folder)
    found = inspection.inspect(recording)
    console = console_beside(json_file)
    write_and_show(json_file, found.to_json(), lambda: _show(console, found))
    if plot:
        inspection.plot(recording, found, plot)
        console.print(f"Plot: {plot}", markup=False, soft_wrap=True)


def _show(console: Console, found: "Inspection") -> None:
    interval = found.interval_ms
    console.print(
        f"{found.rows} rows, {interval['median']:.0f} ms apart (p95 {interval['p95']:.0f} ms, "
        f"max {interval['max']:.0f} ms), {found.interruptions} interruptions; {found.laps:.1f} laps, "
        f"{found.distance_m:.0f} m of driving",
        soft_wrap=True,
    )
    for reason, count in found.skipped.items():
        console.print(f"[yellow]left out:[/yellow] {reason}: {count}")
    table = Table(title="Continuous driving")
    for heading in ("rows", "frames", "time", "distance", "laps", "direction"):
        table.add_column(heading, justify="right")
    for stretch in found.stretches:
        table.add_row(
            f"{stretch.first_row}:{stretch.last_row + 1}",
            str(stretch.rows),
            f"{stretch.duration_s:.1f} s",
            f"{stretch.distance_m:.0f} m",
            f"{abs(stretch.laps):.2f}",
            _direction(stretch.laps),
        )
    console.print(table)
    for kind, runs in found.suspicious.items():
        if runs:
            where = ", ".join(f"{first}:{last + 1}" for first, last in runs)
            console.print(f"[yellow]{kind}:[/yellow] rows {where}")
    if not found.stretches:
        console.print("Nothing in it is driven.")
        return
    console.print(
        f"Wheels exactly straight in {found.zero_share:.0%} of the driving, "
        f"{found.balanced_zero_share:.0%} after balancing"
    )
    _show_steering(console, found)


def _show_steering(console: Console, found: "Inspection") -> None:
    """Prints the steering histogram, five bins to a line, so that straight on is in the middle of one."""
    table = Table(title="Steering")
    for heading in ("from", "to"):
        table.add_column(heading, justify="right")
    for heading in ("as recorded", "balanced"):
        table.add_column(heading)
    edges, count = found.steering_edges, len(found.steering_share)
    bounds = [0, *range(count // 2 % 5 + 3, count, 5), count]
    for first, stop in itertools.pairwise(bounds):
        shares = (sum(found.steering_share[first:stop]), sum(found.balanced_share[first:stop]))
        table.add_row(
            f"{max(edges[first], -1):+.2f}",
            f"{min(edges[stop], 1):+.2f}",
            *(f"{share:6.1%} {'#' * round(20 * share)}" for share in shares),
        )
    console.print(table)


def _direction(laps: float) -> str:
    if abs(laps) < STRAIGHT_LAPS:
        return "straight"
    return "anticlockwise" if laps > 0 else "clockwise"
