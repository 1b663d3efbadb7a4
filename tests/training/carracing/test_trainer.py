import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from models import checkpoint
from models.errors import UserError
from tests.training.carracing.test_demonstration import demonstration
from training.carracing.collect import Round, round_weights
from training.carracing.recipe import Recipe
from training.carracing.report import _losses, write_report
from training.carracing.trainer import Trainer
from training.progress import Progress

RECIPE = Recipe(
    demonstrations=3,
    drives=2,
    expert_shares=(0.5,),
    round_epochs=2,
    final_epochs=3,
    batches=2,
    batch_size=2,
    chunk_length=8,
)


class KilledError(Exception):
    """Stands for the death of the process."""


class DyingProgress(Progress):
    """Kills the training in its last round after some steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(Console(quiet=True))
        self._steps = steps

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        done = 0

        def advance(steps: int = 1) -> None:
            nonlocal done
            done += steps
            if title == "Round 1: training" and done >= self._steps:
                raise KilledError

        yield advance


def prepare(work: Path) -> Path:
    """A folder in which all drives exist, so that only training is left to do."""
    for number in range(RECIPE.rounds):
        drives = Round.of(work, RECIPE, number)
        for seed in drives.seeds:
            demonstration(30 + seed % 7).save(drives.path(seed))
    return work


def train(work: Path, progress: Progress | None = None) -> Path:
    return Trainer(work, RECIPE, progress or Progress(Console(quiet=True))).run()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    work = prepare(tmp_path_factory.mktemp("uninterrupted"))
    return work, checkpoint.load(train(work))


def before_the_last_round(work: Path, uninterrupted: Path) -> Path:
    """A folder in which all but the last round is trained."""
    shutil.copytree(uninterrupted, work)
    for path in work.glob("round-1.*"):
        path.unlink()
    return work


@pytest.mark.slow
def test_killed_and_resumed_gives_the_weights_of_an_uninterrupted_training(tmp_path, uninterrupted):
    work = before_the_last_round(tmp_path / "work", uninterrupted[0])
    with pytest.raises(KilledError):
        train(work, DyingProgress(5))
    assert not round_weights(work, 1).exists()
    resumed = checkpoint.load(train(work)).network
    for one, other in zip(resumed.get_weights(), uninterrupted[1].network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.slow
def test_a_round_whose_manifest_was_not_written_is_finished(tmp_path, uninterrupted, monkeypatch):
    def die(*_):
        raise KilledError

    work = before_the_last_round(tmp_path / "work", uninterrupted[0])
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.Manifest, "write", die)
        with pytest.raises(KilledError):
            train(work)
    resumed = checkpoint.load(train(work)).network
    for one, other in zip(resumed.get_weights(), uninterrupted[1].network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.slow
def test_finished_work_is_not_done_again(uninterrupted):
    work, _ = uninterrupted
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.suffix in (".h5", ".npz")}
    train(work)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
def test_publishes_weights_with_their_manifest(tmp_path, uninterrupted):
    work, trained = uninterrupted
    out = tmp_path / "published.weights.h5"
    Trainer(work, RECIPE, Progress(Console(quiet=True))).publish(out)
    published = checkpoint.load(out)
    assert published.manifest.training["recipe"]["drives"] == 2
    assert published.manifest.versions["keras"]
    for one, other in zip(published.network.get_weights(), trained.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_reports_losses_and_scores(uninterrupted):
    import json

    work, _ = uninterrupted
    write_report(work, RECIPE)
    rounds = json.loads((work / "report.json").read_text())
    assert [len(entry["loss"]) for entry in rounds] == [2, 3]
    assert [len(entry["val_loss"]) for entry in rounds] == [2, 3]
    assert [entry["drives"] for entry in rounds] == [3, 2]
    assert rounds[0]["score_all_frames"] == 12.5
    assert (work / "report.png").read_bytes().startswith(b"\x89PNG")


def test_an_epoch_that_was_made_twice_is_reported_once(tmp_path):
    (tmp_path / "round-0.csv").write_text("epoch,loss,val_loss\n0,3,4\n1,2,3\n1,1,2\n")
    assert _losses(tmp_path / "round-0.csv") == {"loss": [3, 1], "val_loss": [4, 2]}
    with pytest.raises(UserError, match=r"round-1\.csv tells of no training"):
        _losses(tmp_path / "round-1.csv")


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    progress = Progress(Console(quiet=True))
    Trainer(tmp_path, RECIPE, progress)
    Trainer(tmp_path, RECIPE, progress)
    with pytest.raises(UserError, match="begun with other settings"):
        Trainer(tmp_path, replace(RECIPE, drives=5), progress)


def test_training_tracks_are_never_those_of_the_evaluation():
    tracks = [seed for number in range(Recipe().rounds) for seed in Recipe().tracks(number)]
    assert len(set(tracks)) == len(tracks)
    assert not set(tracks) & set(range(10_000, 11_000))


@pytest.mark.slow
def test_what_a_round_cannot_go_on_from_or_write_is_named(tmp_path, uninterrupted):
    work = before_the_last_round(tmp_path / "work", uninterrupted[0])
    (work / "round-1.csv").mkdir()
    with pytest.raises(UserError, match=r"round-1\.csv cannot be written"):
        train(work)
    (work / "round-1.csv").rmdir()
    round_weights(work, 0).write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"round-0\.weights\.h5 is not the one that its manifest describes"):
        train(work)
