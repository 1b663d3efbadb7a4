import json
from dataclasses import replace

import numpy as np
import pytest

from controller.interface import Command, Observation
from controller.runtime import manifest_of
from models.errors import UserError
from models.export import export
from sim_bridges.carracing.environment import CarRacing, make_environment
from sim_bridges.carracing.episode import Episode, drive
from sim_bridges.carracing.evaluation import Evaluation, evaluate, note_scores, report, summary
from tests.small_checkpoint import save_small_checkpoint


class Recorder:
    """Drives straight on at a walk and records what it is shown."""

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def act(self, observation: Observation) -> Command:
        self.seen.append(observation)
        return Command(0.0, 0.2, 0.0)


@pytest.mark.slow
def test_an_episode_ends_where_the_car_leaves_the_field():
    policy, scores = Recorder(), []
    episode = drive(CarRacing(make_environment()), policy, seed=1, on_frame=scores.append)
    assert policy.resets == 1
    assert episode.frames == len(scores) == len(policy.seen) == len(episode.latencies_s)
    assert 300 < episode.frames < 400
    assert episode.score == pytest.approx(scores[-1])
    assert scores[-1] - scores[-2] == -100
    assert 0 < episode.tiles_visited_share < 0.5
    assert episode.lap_s is None


@pytest.mark.slow
def test_dropped_frames_never_reach_the_policy():
    policy = Recorder()
    episode = drive(CarRacing(make_environment(), drop_frames=0.5), policy, seed=1)
    assert len(policy.seen) == pytest.approx(0.5 * episode.frames, rel=0.2)
    assert np.diff([o.time_s for o in policy.seen]).max() > 0.05


def test_summary():
    episodes = [Episode(1, 900.0, 1000, 1.0, 20.0, []), Episode(2, 800.0, 1000, 0.9, None, [])]
    assert summary(episodes) == {"mean": 850.0, "std": 50.0, "min": 800.0, "laps_share": 0.5}


@pytest.mark.slow
def test_reports_on_an_exported_file_that_came_alone(tmp_path):
    weights = save_small_checkpoint(tmp_path / "small.weights.h5")
    export(weights)
    weights.unlink()
    evaluation = Evaluation(tmp_path / "small.tflite", episodes=1, seed=20, drop_frames=0.004)
    episodes = [Episode(20, 900.0, 1000, 1.0, 20.0, [0.001])]
    manifest = manifest_of(evaluation.weights)
    assert report(evaluation, manifest, episodes)["policy"] == "small"
    note_scores(replace(evaluation, drop_frames=0.5), manifest, episodes)
    note_scores(evaluation, manifest, episodes)  # What was noted while it drove stays.
    scores = json.loads((tmp_path / "small.json").read_text())["scores"]
    assert {protocol: row["mean"] for protocol, row in scores.items()} == {
        "CarRacing-v3, 50% of the frames dropped": 900.0,
        "CarRacing-v3, 0.4% of the frames dropped": 900.0,
    }
    with pytest.raises(UserError, match="tells of other weights than those that drove"):
        note_scores(evaluation, replace(manifest, sha256="another"), episodes)


@pytest.mark.slow
def test_evaluates_in_processes_of_their_own(tmp_path):
    weights = save_small_checkpoint(tmp_path / "small.weights.h5")
    evaluation = Evaluation(weights, episodes=2, seed=20, drop_frames=0.5)
    episodes = list(evaluate(evaluation))
    assert [episode.seed for episode in episodes] == [20, 21]
    written = json.loads(json.dumps(report(evaluation, manifest_of(weights), episodes)))
    assert written["policy"] == "small"
    assert len(written["sha256"]) == 64
    assert written["mean"] == pytest.approx(np.mean([episode.score for episode in episodes]))
    assert set(written["episodes"][0]) == {
        "seed",
        "score",
        "frames",
        "tiles_visited_share",
        "lap_s",
        "latency_ms",
    }
    assert written["latency_ms"]["p50"] == pytest.approx(
        1000 * np.median([latency for episode in episodes for latency in episode.latencies_s])
    )
    assert {"python", "tensorflow", "keras", "gymnasium"} <= set(written["versions"])
