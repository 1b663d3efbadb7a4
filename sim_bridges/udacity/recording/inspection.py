"""What a recording holds, as numbers and as a picture."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_bridges.plots import save_figure
from sim_bridges.udacity.recording.balancing import BINS, EDGES, balanced_weights
from sim_bridges.udacity.recording.reading import Recording
from sim_bridges.udacity.recording.segments import segments
from sim_bridges.udacity.recording.suspicious import REVERSING, U_TURN, rows_that_follow, runs

PAUSE_MAX_S = 2.0
"""After a longer interruption the car may stand elsewhere, in another direction."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of continuous driving, judged by steering and speed alone.

    Attributes:
        first_row: Its first row in the log.
        last_row: Its last row in the log.
        rows: How many rows it has.
        duration_s: From its first to its last frame.
        distance_m: Metres driven.
        laps: Full turns to the left: negative ones go clockwise round the track.
    """

    first_row: int
    last_row: int
    rows: int
    duration_s: float
    distance_m: float
    laps: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a recording holds.

    Attributes:
        rows: Rows that can be used.
        skipped: How many rows or side images were left out, by reason.
        interval_ms: Median, 95th percentile and maximum of the time between frames, without interruptions and
            duplicates.
        interruptions: How often more than 0.6 s passed between frames, or the clock was set back.
        stretches: The continuous driving.
        laps: Full turns in either direction.
        suspicious: For each kind of row that is no driving, first and last rows of its runs.
        steering_edges: Edges of the steering histogram.
        steering_share: Share of the driving in each bin.
        balanced_share: The same after balancing.
        zero_share: Share of the driving with the wheels exactly straight.
        balanced_zero_share: The same after balancing.
    """

    rows: int
    skipped: Mapping[str, int]
    interval_ms: Mapping[str, float]
    interruptions: int
    stretches: list[Stretch]
    laps: float
    suspicious: Mapping[str, list[tuple[int, int]]]
    steering_edges: list[float]
    steering_share: list[float]
    balanced_share: list[float]
    zero_share: float
    balanced_zero_share: float

    @property
    def distance_m(self) -> float:
        """Metres of continuous driving."""
        return sum(stretch.distance_m for stretch in self.stretches)

    def to_json(self) -> dict[str, Any]:
        """Returns everything in a form that JSON can hold."""
        return asdict(self) | {"distance_m": self.distance_m}


def inspect(recording: Recording) -> Inspection:
    """Returns what a recording holds."""
    cut = segments(recording)
    steering = recording.steering[np.concatenate(cut)] if cut else np.empty(0)
    shares = np.full(len(steering), 1 / max(len(steering), 1))
    weights = balanced_weights(steering) if cut else shares
    interval_ms = intervals_ms(recording)
    stretches = [_stretch(recording.take(indices)) for indices in cut]
    return Inspection(
        rows=len(recording),
        skipped=recording.skipped,
        interval_ms={
            "median": float(np.median(interval_ms)),
            "p95": float(np.percentile(interval_ms, 95)),
            "max": float(interval_ms.max()),
        },
        interruptions=int(np.sum(~rows_that_follow(recording.time_s)[1:])),
        stretches=stretches,
        laps=_laps(recording, cut, stretches),
        suspicious={
            kind: [(int(recording.rows[first]), int(recording.rows[stop - 1])) for first, stop in runs(mask)]
            for kind, mask in recording.suspicious.items()
        },
        steering_edges=EDGES.tolist(),
        steering_share=_histogram(steering, shares),
        balanced_share=_histogram(steering, weights),
        zero_share=float(shares[steering == 0].sum()),
        balanced_zero_share=float(weights[steering == 0].sum()),
    )


def intervals_ms(recording: Recording) -> NDArray[np.float64]:
    """Returns the times between frames, without interruptions and duplicates unless there is nothing else."""
    step_ms = 1e3 * np.diff(recording.time_s)
    regular = rows_that_follow(recording.time_s)[1:] & (step_ms > 0)
    return step_ms[regular] if regular.any() else step_ms


def plot(recording: Recording, inspection: Inspection, path: Path) -> None:
    """Draws the way, the speed, the steering and the intervals into a picture file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    ways, speeds, steering, intervals = figure.subplots(2, 2).flat
    for number, indices in enumerate(segments(recording), 1):
        way = recording.take(indices).path()
        ways.plot(way.x_m, way.y_m, linewidth=1, label=f"stretch {number}")
    ways.set(title="Way, integrated from steering and speed", xlabel="m", ylabel="m", aspect="equal")
    if ways.lines:
        ways.legend()
    speeds.plot(recording.rows, recording.speed_mps, linewidth=0.8, color="0.3")
    for number, (kind, found) in enumerate(inspection.suspicious.items()):
        for place, (first, last) in enumerate(found):
            label = kind if place == 0 else None
            speeds.axvspan(first, last + 1, color=f"C{number}", alpha=0.4, label=label)
    speeds.set(title="Speed and suspicious rows", xlabel="row", ylabel="m/s")
    if any(inspection.suspicious.values()):
        speeds.legend()
    for shares, label in (
        (inspection.steering_share, "as recorded"),
        (inspection.balanced_share, "balanced"),
    ):
        steering.stairs(shares, inspection.steering_edges, fill=True, alpha=0.5, label=label)
    steering.set(title="Steering", xlabel="-1 left, 1 right", ylabel="share of the rows", yscale="log")
    steering.legend()
    intervals.hist(intervals_ms(recording), bins=60)
    intervals.set(title="Time between frames", xlabel="ms", ylabel="frames", yscale="log")
    save_figure(figure, path, dpi=120)


def _stretch(recording: Recording) -> Stretch:
    way = recording.path()
    return Stretch(
        first_row=int(recording.rows[0]),
        last_row=int(recording.rows[-1]),
        rows=len(recording),
        duration_s=float(recording.time_s[-1] - recording.time_s[0]),
        distance_m=float(way.distance_m[-1]),
        laps=float(-way.heading_rad[-1] / (2 * np.pi)),
    )


def _laps(recording: Recording, cut: list[NDArray[np.int64]], stretches: list[Stretch]) -> float:
    """Returns full turns in either direction; stretches add up unless the car turned round between them."""
    anew = recording.suspicious[U_TURN] | recording.suspicious[REVERSING]
    step_s = np.diff(recording.time_s)
    anew[1:] |= (step_s < 0) | (step_s > PAUSE_MAX_S)
    drives = np.cumsum(anew)
    laps: dict[int, float] = defaultdict(float)
    for indices, stretch in zip(cut, stretches, strict=True):
        laps[int(drives[indices[0]])] += stretch.laps
    return sum(map(abs, laps.values()))


def _histogram(steering: NDArray[np.float64], weights: NDArray[np.float64]) -> list[float]:
    shares, _ = np.histogram(steering, bins=BINS, range=(EDGES[0], EDGES[-1]), weights=weights)
    return [float(share) for share in shares]
