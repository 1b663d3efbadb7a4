import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from rich.console import Console

from models.errors import UserError
from training.experiments.models.attention import LAN_ELAPSED, MEAN
from training.experiments.publish import publish
from training.experiments.registry import NAMES, only
from training.experiments.report import markdown, rows, write_report
from training.experiments.runner import TUNING_SEED, Cell, Runner, choose_rate
from training.experiments.scores import Metric, rmse
from training.experiments.sequences import complete, split
from training.experiments.signals import dense_encoder
from training.experiments.study import Budget, Contender, Experiment, Size, Study
from training.experiments.trainee import Training
from training.progress import Progress

OURS, RIVAL = (replace(contender, jit=False) for contender in (LAN_ELAPSED, MEAN))
MISSING = Contender("not here", MEAN.mix, requires="a_package_that_nobody_has")
METRICS = (Metric("RMSE", lambda data, predicted: rmse(predicted - data.targets)),)


def fold(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 5, 2))
    return split(complete(x, np.cumsum(rng.random((80, 5)), axis=1), x.sum(axis=(1, 2))[:, None]), rng)


STUDY = Study(
    "sums",
    "random",
    (OURS, RIVAL, MISSING),
    METRICS,
    fold,
    keras.losses.MeanSquaredError(),
    1,
    dense_encoder,
    Size(8, 2),
)
EXPERIMENT = Experiment(
    "ablation", "About.", (STUDY,), Budget(2, 16, (1e-3, 1e-2), 1), ((OURS.name, (RIVAL.name,)),)
)


def runner(out, seeds=3, experiment=EXPERIMENT):
    return Runner(out, experiment, seeds, Progress(Console(quiet=True)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("sums")
    runner(out).run()
    return out


def test_measures_every_cell_and_leaves_out_what_is_not_installed(finished):
    results = list(runner(finished).results())
    assert [(contender.name, len(cells)) for _, contender, cells in results] == [
        (OURS.name, 3),
        (RIVAL.name, 3),
    ]
    assert runner(finished).absent() == ["not here (a_package_that_nobody_has)"]
    for _, contender, cells in results:
        assert (cells[0]["attention"] is not None) == (contender is OURS)
        assert cells[0]["metrics"] != cells[1]["metrics"]


def test_goes_on_where_it_was_killed_and_repeats_itself_exactly(finished):
    cell = Cell(STUDY, OURS, 1).path(finished)
    others = {path: path.stat().st_mtime_ns for path in finished.glob("*/*/*.json") if path != cell}
    before = json.loads(cell.read_text())
    cell.unlink()
    runner(finished).run()
    after = json.loads(cell.read_text())
    for made in (before, after):
        made["training"].pop("epoch_s")
    assert after == before
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_chooses_the_rate_that_did_best_in_trials_that_are_never_reported(finished):
    folder = Cell(STUDY, RIVAL, 0).path(finished).parent
    losses = {rate: json.loads((folder / f"rate-{rate:g}.json").read_text()) for rate in (1e-3, 1e-2)}
    best = min(losses, key=lambda rate: losses[rate]["validation_loss"])
    assert json.loads((folder / "seed-0.json").read_text())["learning_rate"] == best
    assert TUNING_SEED not in range(100)


def test_where_data_is_scarce_each_seed_chooses_its_rate_within_its_own_fold(tmp_path):
    drawn = []

    def watched(seed):
        drawn.append(seed)
        return fold(seed)

    study = replace(STUDY, contenders=(RIVAL,), fold=watched, own_rates=True)
    own = runner(tmp_path, experiment=replace(EXPERIMENT, studies=(study,)))
    own.run()
    assert drawn == [TUNING_SEED, 0, 1, 2]  # The first gives the shapes alone.
    trials = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*/*/rate-*.json"))
    assert trials == [
        f"sums-random/mean-pooling/seed-{seed}/rate-{rate}.json"
        for seed in range(3)
        for rate in ("0.001", "0.01")
    ]
    (row,) = rows(own)
    cells = [json.loads(path.read_text()) for path in tmp_path.glob("*/*/seed-*.json")]
    assert row["learning_rates"] == sorted({cell["learning_rate"] for cell in cells})


def diverging(signal, size, every_step):
    return keras.ops.log(-1 - keras.ops.square(MEAN.mix(signal, size, every_step)))


def test_a_training_that_diverges_is_no_result(tmp_path):
    contender = Contender("diverging", diverging, jit=False)
    experiment = replace(EXPERIMENT, studies=(replace(STUDY, contenders=(contender,)),))
    diverges = runner(tmp_path, experiment=experiment)
    with pytest.raises(UserError, match=r"diverging diverged under seed 0.*--model"):
        diverges.run()
    assert not list(diverges.results())
    for path in tmp_path.glob("*/*/rate-*.json"):
        assert json.loads(path.read_text()) == {"validation_loss": None}


def test_a_loss_that_is_not_finite_is_worse_than_any():
    assert Training([1.0, 1.0], [None, 2.0, None], 0.1).best_loss == 2


def test_a_rate_that_diverges_is_not_chosen(tmp_path):
    losses = {1e-3: float("nan"), 1e-2: 2.0}
    assert choose_rate(EXPERIMENT.budget, tmp_path, losses.__getitem__) == 1e-2
    assert choose_rate(EXPERIMENT.budget, tmp_path, losses.__getitem__) == 1e-2


@pytest.mark.parametrize("content", ["{}", "[]", '{"metrics": {}}'])
def test_a_broken_result_is_named(finished, tmp_path, content):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    Cell(STUDY, OURS, 1).path(tmp_path).write_text(content)
    with pytest.raises(UserError, match=r"seed-1\.json is no whole result: delete it"):
        rows(runner(tmp_path))
    folder = Cell(STUDY, OURS, 1).path(tmp_path).parent
    (folder / "rate-0.001.json").write_text(content)
    with pytest.raises(UserError, match=r"rate-0\.001\.json is no whole result: delete it"):
        choose_rate(EXPERIMENT.budget, folder, lambda _: 1.0)


def test_results_tell_when_and_by_what_they_were_made(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    path = Cell(STUDY, OURS, 1).path(tmp_path)
    cell = json.loads(path.read_text())
    path.write_text(
        json.dumps(cell | {"date": "2001-02-03", "versions": cell["versions"] | {"keras": "1.0"}})
    )
    ours, rival = rows(runner(tmp_path))
    assert ours["versions"]["keras"] == f"{cell['versions']['keras']} and 1.0"
    assert rival["versions"] == cell["versions"]
    rival["date"] = "2001-02-03"
    text = markdown(EXPERIMENT, [ours, rival])
    assert f"{ours['date']}: python" in text
    assert "2001-02-03: python" in text


def test_a_result_that_does_not_tell_what_made_it_is_none(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    path = Cell(STUDY, OURS, 0).path(tmp_path)
    cell = json.loads(path.read_text())
    for damaged in ({key: cell[key] for key in cell.keys() - {"versions"}}, cell | {"training": {}}):
        path.write_text(json.dumps(damaged))
        with pytest.raises(UserError, match=r"seed-0\.json is no whole result"):
            rows(runner(tmp_path))


def test_refuses_a_folder_that_another_budget_began(finished):
    other = replace(EXPERIMENT, budget=replace(EXPERIMENT.budget, epochs=3))
    with pytest.raises(UserError, match=r"budget\.json"):
        runner(finished, experiment=other).run()
    with pytest.raises(UserError, match=r"budget\.json"):
        publish(runner(finished, experiment=other), finished / "docs")


def test_reports_means_and_deviations_of_the_cells(finished):
    found = rows(runner(finished))
    scores = [
        json.loads(Cell(STUDY, OURS, seed).path(finished).read_text())["metrics"]["RMSE"] for seed in range(3)
    ]
    row = next(row for row in found if row["model"] == OURS.name)
    assert (row["mean"], row["std"]) == (
        pytest.approx(np.mean(scores)),
        pytest.approx(np.std(scores, ddof=1)),
    )
    for path in write_report(runner(finished)):
        assert path.stat().st_size > 100
    text = (finished / "results.md").read_text()
    assert f"{row['mean']:.4g} ± {row['std']:.2g}" in text
    assert "'liquid-drive[experiments]'`: not here (a_package" in text


def test_one_seed_has_no_deviation(finished):
    row = rows(runner(finished, seeds=1))[0]
    assert row["std"] is None
    write_report(runner(finished, seeds=1))
    assert f"| {row['mean']:.4g} | 1 |" in (finished / "results.md").read_text()


def test_docs_take_in_finished_results_and_keep_those_of_others(finished, tmp_path):
    other = {**rows(runner(finished))[0], "experiment": "imputation"}
    (tmp_path / "experiments.json").write_text(json.dumps([{**other, "experiment": "ablation"}, other]))
    with pytest.raises(UserError, match="3 seeds"):
        publish(runner(finished, seeds=2), tmp_path)
    for _ in range(2):
        publish(runner(finished), tmp_path)
    machine = json.loads((tmp_path / "experiments.json").read_text())
    assert [row["experiment"] for row in machine] == ["ablation", "ablation", "imputation"]
    expected = {"experiment", "dataset", "protocol", "model", "metric", "mean", "std", "seeds", "parameters"}
    assert all(expected <= set(row) for row in machine)
    text = (tmp_path / "experiments.md").read_text()
    assert "## ablation" in text
    assert "## imputation" in text
    assert text.count("No results: it has not been run.") == len(NAMES) - 2
    assert "](experiments/ablation.png)" in text
    assert (tmp_path / "experiments" / "ablation.png").exists()


def test_docs_keep_the_models_that_ran_elsewhere_with_the_same_budget(finished, tmp_path):
    publish(runner(finished), tmp_path)
    machine = tmp_path / "experiments.json"
    ours, rival = json.loads(machine.read_text())
    stranger, other_budget = {**ours, "model": "renamed since"}, {**ours, "budget": "another"}
    other_table = {**ours, "protocol": "given up since"}
    difference = {**rival, "dataset": STUDY.title, "protocol": "differences"}
    changed = [{**rival, "mean": 1.5}, stranger, other_budget, other_table, {**ours, "mean": 2.5}, difference]
    machine.write_text(json.dumps(changed))
    shutil.rmtree(Cell(STUDY, RIVAL, 0).path(shutil.copytree(finished, tmp_path / "part")).parent)
    publish(runner(tmp_path / "part"), tmp_path)
    assert json.loads(machine.read_text()) == [ours, {**rival, "mean": 1.5}, difference]
    assert "1.5 ±" in (tmp_path / "experiments.md").read_text()


def test_a_run_of_named_models_leaves_the_others_alone(tmp_path):
    chosen = only(EXPERIMENT, [], [RIVAL.name])
    runner(tmp_path, seeds=1, experiment=chosen).run()
    assert [path.name for path in (tmp_path / "sums-random").iterdir()] == ["mean-pooling"]
    with pytest.raises(UserError, match="choose among LAN, elapsed; mean pooling"):
        only(EXPERIMENT, [], ["LAN"])


def test_a_run_of_nobody_says_who_is_missing(tmp_path):
    nobody = runner(tmp_path, experiment=only(EXPERIMENT, [], [MISSING.name]))
    nobody.run()
    with pytest.raises(UserError, match="a_package_that_nobody_has"):
        write_report(nobody)


def test_training_learns(tmp_path):
    trained = replace(
        EXPERIMENT, budget=Budget(40, 16, (1e-2,)), studies=(replace(STUDY, contenders=(RIVAL,)),)
    )
    fitted = runner(tmp_path, seeds=1, experiment=trained)
    fitted.run()
    [(_, _, [cell])] = fitted.results()
    assert cell["training"]["loss"][-1] < 0.2 * cell["training"]["loss"][0]
