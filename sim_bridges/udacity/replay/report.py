"""What drives along a recording came to, in a form that JSON can hold."""

from collections.abc import Sequence
from typing import Any

from models.versions import versions
from sim_bridges.udacity.replay.metrics import Scores, score
from sim_bridges.udacity.replay.trip import DriveRecord


def report(records: Sequence[DriveRecord], options: dict[str, Any]) -> dict[str, Any]:
    """Returns the scores of drives together, and what each of them came to.

    Args:
        records: The drives, at least one.
        options: What was asked for.
    """
    return {
        **_scores(score(records)),
        "stretches": [
            {
                "rows": [int(record.recording.rows[0]), int(record.recording.rows[-1]) + 1],
                **_scores(score([record])),
                "interventions_at_m": [round(place.distance_m, 1) for place in record.interventions],
            }
            for record in records
        ],
        "options": options,
        "versions": versions(),
    }


def _scores(scores: Scores) -> dict[str, Any]:
    return {
        "autonomy": scores.autonomy,
        "interventions": scores.interventions,
        "interventions_per_km": scores.interventions_per_km,
        "mean_distance_m": scores.mean_distance_m,
        "p95_distance_m": scores.p95_distance_m,
        "steering_rate_rms": scores.steering.rate_rms,
        "human_steering_rate_rms": scores.human_steering.rate_rms,
        "steering_jerk_rms": scores.steering.jerk_rms,
        "human_steering_jerk_rms": scores.human_steering.jerk_rms,
        "elapsed_s": scores.elapsed_s,
        "distance_m": scores.distance_m,
        "mean_speed_mps": scores.mean_speed_mps,
        "latency_ms": {"p50": scores.latency_p50_ms, "p99": scores.latency_p99_ms},
        "finished": scores.finished,
    }
