"""Scores a policy on many CarRacing tracks, on every core."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from controller.pixel_policy import load_policy_factory
from controller.runtime import RuntimeChoice, limit_threads
from models.checkpoint import Manifest, beside
from models.errors import UserError
from models.versions import versions
from sim_bridges.carracing.environment import CarRacing, make_environment
from sim_bridges.carracing.episode import Episode, drive
from sim_bridges.processes import map_in_processes


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to evaluate.

    Attributes:
        weights: The policy's weights.
        episodes: Number of episodes.
        seed: Seed of the first track; the others follow.
        drop_frames: Share of the frames that the policy does not see.
        runtime: What runs the network.
    """

    weights: Path
    episodes: int
    seed: int
    drop_frames: float = 0.0
    runtime: RuntimeChoice = RuntimeChoice.AUTO

    @property
    def seeds(self) -> range:
        """Seeds of the tracks."""
        return range(self.seed, self.seed + self.episodes)


def evaluate(evaluation: Evaluation) -> Iterator[Episode]:
    """Drives the episodes in the stock environment, one process a core, and yields them in order.

    Raises:
        UserError: Box2D is missing.
    """
    make_environment().close()
    yield from map_in_processes(_drive, evaluation.seeds, _start_worker, (evaluation,))


def summary(episodes: list[Episode]) -> dict[str, float]:
    """Returns mean, standard deviation and minimum of the scores, and the share of complete laps."""
    scores = np.array([episode.score for episode in episodes])
    return {
        "mean": float(scores.mean()),
        "std": float(scores.std()),
        "min": float(scores.min()),
        "laps_share": float(np.mean([episode.lap_s is not None for episode in episodes])),
    }


def percentiles_ms(latencies_s: list[float]) -> dict[str, float]:
    """Returns the median and the 99th percentile of latencies in milliseconds."""
    p50, p99 = 1000 * np.percentile(latencies_s, (50, 99))
    return {"p50": float(p50), "p99": float(p99)}


def report(evaluation: Evaluation, manifest: Manifest, episodes: list[Episode]) -> dict[str, Any]:
    """Returns all results in a form that JSON can hold.

    Args:
        evaluation: What was evaluated.
        manifest: That of the weights when they began to drive.
        episodes: How it went.
    """
    rows = [asdict(episode) for episode in episodes]
    for row in rows:
        row["latency_ms"] = percentiles_ms(row.pop("latencies_s"))
    return {
        "environment": "CarRacing-v3",
        "policy": manifest.name,
        "sha256": manifest.sha256,
        "runtime": evaluation.runtime.value,
        "drop_frames": evaluation.drop_frames,
        **summary(episodes),
        "latency_ms": percentiles_ms([each_s for episode in episodes for each_s in episode.latencies_s]),
        "episodes": rows,
        "versions": versions(),
    }


def note_scores(evaluation: Evaluation, manifest: Manifest, episodes: list[Episode]) -> None:
    """Writes the scores into the manifest of the weights.

    Args:
        evaluation: What was evaluated.
        manifest: That of the weights when they began to drive.
        episodes: How it went.

    Raises:
        UserError: Other weights have taken their place.
    """
    path = beside(evaluation.weights, ".json")
    present = Manifest.read(path)
    if present.sha256 != manifest.sha256:
        raise UserError(f"{path} tells of other weights than those that drove: evaluate them anew.")
    protocol = f"CarRacing-v3, {100 * evaluation.drop_frames:g}% of the frames dropped"
    result = {"episodes": evaluation.episodes, "first_seed": evaluation.seed, **summary(episodes)}
    replace(present, scores=present.scores | {protocol: result}).write(path)


_worker: dict[str, Any] = {}


def _start_worker(evaluation: Evaluation) -> None:
    limit_threads(1)
    policy = load_policy_factory(evaluation.weights, evaluation.runtime)()
    _worker.update(policy=policy, car=CarRacing(make_environment(), evaluation.drop_frames))


def _drive(seed: int) -> Episode:
    return drive(_worker["car"], _worker["policy"], seed)
