"""Every experiment, from the command line, as a quick trial."""

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from models.errors import UserError
from tests.training.experiments.made_data import write_activity
from training.experiments import person_activity
from training.experiments.commands import experiment
from training.experiments.registry import NAMES

SHARED = Path(os.environ.get("LIQUID_DRIVE_DATA", "../shared/data"))
NEEDED = {"event-mnist": "mnist.npz", "remaining-useful-life": "rul"}

app = typer.Typer()
app.command()(experiment)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_quick_trial_leaves_a_table_and_pictures(name, tmp_path):
    data = SHARED
    if name == "person-activity":
        data = tmp_path
        write_activity(tmp_path / person_activity.FILE, {"A01": 500, "B01": 300, "B02": 300})
    elif name in NEEDED and not (SHARED / NEEDED[name]).exists():
        pytest.skip(f"no {NEEDED[name]} in {SHARED}")
    out = tmp_path / "out"
    result = run(name, "--quick", "--data", data, "--out", out)
    assert result.exit_code == 0, result.output
    found = json.loads((out / "results.json").read_text())
    assert {row["model"] for row in found} == {"LAN, elapsed", "softmax", "mean pooling"}
    assert all(row["experiment"] == name and row["seeds"] == 1 for row in found)
    assert (out / "results.png").stat().st_size > 1000
    if name == "universal-approximation":
        assert (out / "extra-fit.gif").read_bytes().startswith(b"GIF89a")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="ablation"):
        run("flying")


def test_publishing_takes_every_model(tmp_path):
    with pytest.raises(UserError, match="leave out --table and --model"):
        run("ablation", "--model", "mean pooling", "--docs", tmp_path)


def test_a_trial_chooses_its_models_itself(tmp_path):
    with pytest.raises(UserError, match="--quick chooses table and models by itself"):
        run("ablation", "--quick", "--model", "mean pooling", "--out", tmp_path)


def test_an_unknown_model_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"'LAN'.*mean pooling"):
        run("ablation", "--model", "LAN", "--out", tmp_path)


def test_an_unknown_table_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"'MNIST'.*6,000 training images"):
        run("event-mnist", "--table", "MNIST", "--out", tmp_path)
