"""Every experiment, from the command line, as a quick trial."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from models.errors import UserError
from models.files import write_json
from tests.training.experiments.made_data import write_activity
from training.experiments import person_activity
from training.experiments.commands import experiment
from training.experiments.registry import NAMES, load, only
from training.experiments.runner import Cell, Runner
from training.experiments.study import Budget
from training.experiments.trainee import Training
from training.progress import Progress

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
    ours, rivals = load(name, None).ours[0]
    assert {row["model"] for row in found} == {ours, *rivals}
    assert all(row["experiment"] == name and row["seeds"] == 1 for row in found)
    assert (out / "results.png").stat().st_size > 1000


def test_the_fit_of_sine_is_drawn_only_where_its_model_takes_part(tmp_path):
    whole = load("universal-approximation", None)
    studies = [
        replace(study, contenders=tuple(replace(contender, jit=False) for contender in study.contenders))
        for study in whole.studies
    ]
    brief = replace(whole, studies=tuple(studies), budget=Budget(2, 128, rates=(1e-2,)))
    for table, model, drawn in (
        ("sin(x) cos(y)", "LAN, exact, width 64", []),
        ("sin(x)", "mean pooling", []),
        ("sin(x)", "LAN, exact, width 64", ["extra-fit.gif"]),
    ):
        chosen = only(brief, [f"{table}, error on new points"], [model])
        runner = Runner(tmp_path, chosen, 1, Progress(Console(quiet=True)))
        runner.run()
        chosen.after(runner)
        assert [path.name for path in tmp_path.glob("*.gif")] == drawn
    assert (tmp_path / "extra-fit.gif").read_bytes().startswith(b"GIF89a")


def test_data_that_is_not_there_is_named_before_anything_is_written(tmp_path):
    for name in ("event-mnist", "person-activity", "remaining-useful-life"):
        with pytest.raises(UserError, match=r"name its folder by --data"):
            run(name, "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_folder_goes_on_with_its_own_data_and_threads_only(tmp_path):
    folders = [tmp_path / name for name in ("first", "second")]
    for data in folders:
        data.mkdir()
        write_activity(data / person_activity.FILE, {"A01": 500})
    started = ("person-activity", "--model", "mean pooling", "--table", "person activity, rows of person B")
    for options in (("--data", folders[1]), ("--data", folders[0], "--threads", 2)):
        with pytest.raises(UserError, match="too few to split"):
            run(*started, "--data", folders[0], "--out", tmp_path / "out")
        with pytest.raises(UserError, match=r"other settings, which its conditions\.json holds"):
            run(*started, *options, "--out", tmp_path / "out")


@pytest.mark.parametrize("options", [("--quick",), ("--seeds", 2)])
def test_publishing_takes_three_seeds(tmp_path, options):
    with pytest.raises(UserError, match="models with 3 seeds: leave out --quick and --seeds"):
        run("ablation", *options, "--docs", tmp_path)


def test_publishing_a_folder_that_is_not_there_makes_none(tmp_path):
    with pytest.raises(UserError, match=r"Nothing of ablation has run in .*absent"):
        run("ablation", "--out", tmp_path / "absent", "--docs", tmp_path / "docs")
    assert not list(tmp_path.iterdir())


def test_the_report_holds_what_other_runs_in_the_folder_found(tmp_path):
    whole = load("ablation", None)
    [study] = whole.studies
    runner = Runner(tmp_path, whole, 1, Progress(Console(quiet=True)))
    runner.settle_budget()
    models = study.contenders[1:3]
    for contender in models:
        cell = Cell(study, contender, 0)
        write_json(
            cell.path(tmp_path),
            cell.content(Training([1.0], [1.0], 1.0), 0.01, 7, {m.name: 50 for m in study.metrics}, None),
        )
    run("ablation", "--model", models[1].name, "--seeds", 1, "--out", tmp_path)
    for row in (f"| {contender.name} |" for contender in models):
        assert row in (tmp_path / "results.md").read_text()


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
