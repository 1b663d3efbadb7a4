"""How well was driven: autonomy, distance from the recorded line, smoothness, latency."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_bridges.udacity.replay.trip import DriveRecord

INTERVENTION_COST_S = 6.0
GRID_S = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Smoothness:
    """How the wheels move, as root mean squares over all drives.

    A steering signal is the value that is held at multiples of 0.1 s: the last one that came until then. Its
    rate is the first difference of these values by 0.1 s, its jerk the second one by 0.01 s^2. Steering is a
    share of the lock, so that both are in 1/s and 1/s^2.

    Attributes:
        rate_rms: Root mean square of the rate in 1/s.
        jerk_rms: Root mean square of the jerk in 1/s^2.
    """

    rate_rms: float
    jerk_rms: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one or several drives together.

    Attributes:
        autonomy: 1 - 6 s x interventions / elapsed time, at least 0 (Bojarski et al., "End to End Learning
            for Self-Driving Cars", 2016, section 7.1); 0 for drives of which one did not reach its end.
        interventions: How often the car was put back.
        interventions_per_km: The same by the kilometres driven.
        mean_distance_m: Mean distance from the recorded line over time.
        p95_distance_m: The distance that is kept for 95 % of the time.
        mean_speed_mps: Distance by time.
        steering: Smoothness of the received steering.
        human_steering: Smoothness of the recorded steering on the same stretches.
        elapsed_s: Simulated time of driving.
        distance_m: Metres along the recorded lines.
        latency_p50_ms: Median time from a frame to its command, in milliseconds, without latency that was
            asked for.
        latency_p99_ms: Its 99th percentile.
        finished: Whether all drives reached their ends.
    """

    autonomy: float
    interventions: int
    interventions_per_km: float
    mean_distance_m: float
    p95_distance_m: float
    mean_speed_mps: float
    steering: Smoothness
    human_steering: Smoothness
    elapsed_s: float
    distance_m: float
    latency_p50_ms: float
    latency_p99_ms: float
    finished: bool


def score(records: Sequence[DriveRecord]) -> Scores:
    """Returns the scores of drives, at least one, taken together."""
    elapsed_s = sum(record.elapsed_s for record in records)
    interventions = sum(len(record.interventions) for record in records)
    distance_m = sum(float(record.distance_m[-1]) for record in records if len(record.distance_m))
    finished = all(record.finished for record in records)
    step_s = np.concatenate([record.step_s for record in records])
    offsets_m = np.abs(np.concatenate([record.offset_m for record in records]))
    latency_s = np.concatenate([record.latency_s for record in records])
    p50_ms, p99_ms = 1e3 * np.percentile(latency_s, (50, 99)) if len(latency_s) else (0.0, 0.0)
    return Scores(
        autonomy=max(0.0, 1 - INTERVENTION_COST_S * interventions / elapsed_s) if finished else 0.0,
        interventions=interventions,
        interventions_per_km=1e3 * interventions / max(distance_m, 1e-9),
        mean_distance_m=float(np.average(offsets_m, weights=step_s)),
        p95_distance_m=weighted_percentile(offsets_m, step_s, 95),
        mean_speed_mps=distance_m / elapsed_s,
        steering=smoothness([(record.command_s, record.steering, record.elapsed_s) for record in records]),
        human_steering=smoothness([_human(record) for record in records]),
        elapsed_s=elapsed_s,
        distance_m=distance_m,
        latency_p50_ms=float(p50_ms),
        latency_p99_ms=float(p99_ms),
        finished=finished,
    )


def smoothness(signals: Sequence[tuple[Floats, Floats, float]]) -> Smoothness:
    """Returns the smoothness of steering signals together, each as moments, values and the moment it ends."""
    held = [hold(moments_s, values, end_s) for moments_s, values, end_s in signals]
    rates = np.concatenate([np.diff(values) for values in held]) / GRID_S
    jerks = np.concatenate([np.diff(values, n=2) for values in held]) / GRID_S**2
    return Smoothness(_rms(rates), _rms(jerks))


def hold(moments_s: Floats, values: Floats, end_s: float) -> Floats:
    """Returns the value that is held at each multiple of 0.1 s from the first moment to the end."""
    grid_s = moments_s[0] + np.arange(0, end_s - moments_s[0], GRID_S)
    # A value that comes at the very multiple counts, also where rounding puts it just behind.
    return values[np.searchsorted(moments_s, grid_s + 1e-6, side="right") - 1]


def weighted_percentile(values: Floats, weights: Floats, percent: float) -> float:
    """Returns the smallest of the values that so many percent of the weight do not exceed."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(shares, percent / 100 - 1e-12)])


def _human(record: DriveRecord) -> tuple[Floats, Floats, float]:
    moments_s = record.recording.time_s
    return moments_s, record.recording.steering, float(moments_s[-1])


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0
