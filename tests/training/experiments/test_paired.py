import json

import numpy as np
import pytest
from rich.console import Console

from models.files import write_json
from training.experiments.driving.contenders import LAN_ELAPSED, MEAN
from training.experiments.driving.paired import draw
from training.experiments.lane_keeping import DROP_SHARES
from training.experiments.registry import load
from training.experiments.report import markdown, rows
from training.experiments.runner import Cell, Runner
from training.progress import Progress


def cell(study, scores):
    rides = {f"{share:g}": {"scores": scores, "laps": [True, False]} for share in study.rides.drop_shares}
    return {
        "metrics": {metric.name: metric.measure(rides, 0.5) for metric in study.metrics},
        "parameters": 7,
        "learning_rate": 1e-3,
        "training": {"loss": [1.0], "validation_loss": [0.5], "epoch_s": 1.0},
        "attention": None,
        "date": "2026-01-01",
        "versions": {"keras": "3"},
        "rides": rides,
    }


@pytest.fixture
def runner(tmp_path):
    runner = Runner(tmp_path, load("lane-keeping", None), 2, Progress(Console(quiet=True)))
    study = runner.experiment.studies[0]
    for seed in range(2):
        write_json(Cell(study, LAN_ELAPSED, seed).path(tmp_path), cell(study, [900.0 + seed, 800.0 + seed]))
        write_json(Cell(study, MEAN, seed).path(tmp_path), cell(study, [890.0, 786.0]))
    return runner


def test_differences_are_taken_track_by_track(runner):
    found = {(row["protocol"], row["model"], row["metric"]): row for row in rows(runner)}
    score = found["dashboard hidden", LAN_ELAPSED.name, "score at 50% lost"]
    assert score["mean"] == pytest.approx(850.5)
    assert score["std"] == pytest.approx(np.std([850, 851], ddof=1))
    assert found["dashboard hidden", MEAN.name, "laps (%) at 0% lost"]["mean"] == 50
    [difference] = [
        row for (protocol, _, metric), row in found.items() if "more" in protocol and metric == "at 50% lost"
    ]
    assert difference["model"] == MEAN.name
    assert difference["mean"] == pytest.approx(np.mean([10.5, 14.5]))
    assert difference["std"] == pytest.approx(np.std([10.5, 14.5], ddof=1) / np.sqrt(2))
    json.dumps(difference)


def test_differences_are_taken_under_the_seeds_that_both_have(runner, tmp_path):
    study = runner.experiment.studies[0]
    Cell(study, LAN_ELAPSED, 0).path(tmp_path).unlink()
    [difference] = [row for row in rows(runner) if row["metric"] == "at 50% lost"]
    assert difference["mean"] == pytest.approx(np.mean([901 - 890, 801 - 786]))
    assert difference["seeds"] == 1


def test_differences_are_not_judged(runner):
    text = markdown(runner.experiment, rows(runner))
    scores, differences = text.split("track by track")
    assert "LAN, elapsed against mean pooling" in scores
    assert "against" not in differences


def test_scores_are_drawn_over_lost_frames(runner, tmp_path):
    path = tmp_path / "lost-frames.png"
    draw(DROP_SHARES, rows(runner), path)
    assert path.stat().st_size > 1000


def test_scores_at_one_share_alone_are_not_drawn(runner, tmp_path):
    path = tmp_path / "lost-frames.png"
    draw(DROP_SHARES, [row for row in rows(runner) if row["metric"] == "score at 0% lost"], path)
    assert not path.exists()
