"""A picture of drives: the ways, the distance from them, the steering."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim_bridges.plots import save_figure
from sim_bridges.udacity.replay.trip import DriveRecord
from sim_bridges.udacity.replay.world import INTERVENTION_M

STRETCHES_MAX = 4
"""Stretches of a recording that have a column each, in the picture and on the screen."""


def plot(records: Sequence[DriveRecord], path: Path) -> None:
    """Draws the longest drives into a picture file, a column each."""
    from matplotlib.figure import Figure

    longest = sorted(records, key=lambda record: -len(record.step_s))[:STRETCHES_MAX]
    drawn = [record for record in records if any(record is other for other in longest)]
    figure = Figure(figsize=(7.5 * len(drawn), 11), layout="constrained")
    axes = figure.subplots(3, len(drawn), squeeze=False, height_ratios=(2, 1, 1))
    for record, (way, offset, steering) in zip(drawn, axes.T, strict=True):
        _draw_way(way, record)
        _draw_offset(offset, record)
        _draw_steering(steering, record)
    save_figure(figure, path, dpi=110)


def _draw_way(axes: Any, record: DriveRecord) -> None:
    rows = record.recording.rows
    way = record.path
    at = [way.at(place.distance_m).moved(right_m=place.offset_m) for place in record.interventions]
    axes.plot(way.x_m, way.y_m, color="0.6", linewidth=3, label="recorded")
    axes.plot(record.x_m, record.y_m, color="C0", linewidth=1, label="driven")
    if at:
        axes.plot([pose.x_m for pose in at], [pose.y_m for pose in at], "rx", label="intervention")
    axes.set(
        title=f"Rows {rows[0]}:{rows[-1] + 1}", xlabel="m", ylabel="m", aspect="equal", adjustable="datalim"
    )
    axes.legend()


def _draw_offset(axes: Any, record: DriveRecord) -> None:
    axes.plot(record.distance_m, record.offset_m, linewidth=1)
    for place in record.interventions:
        axes.axvline(place.distance_m, color="r", linewidth=0.8)
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set(ylim=(-INTERVENTION_M, INTERVENTION_M), xlabel="m along the way", ylabel="m to the right")
    axes.set(title="Distance from the recorded way")


def _draw_steering(axes: Any, record: DriveRecord) -> None:
    recorded = record.recording.steering
    commanded_m = np.interp(
        record.command_s, np.append(0.0, np.cumsum(record.step_s)), np.append(0.0, record.distance_m)
    )
    axes.plot(record.path.distance_m, recorded, color="0.6", linewidth=0.8, label="recorded")
    axes.step(commanded_m, record.steering, where="post", color="C0", linewidth=1, label="commanded")
    axes.set(title="Steering", ylim=(-1.05, 1.05), xlabel="m along the way", ylabel="-1 left, 1 right")
    axes.legend()
