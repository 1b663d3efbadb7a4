import json
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
from training.progress import Progress
from training.udacity.collect import Collection, collect
from training.udacity.drive import Drives
from training.udacity.judge import judge
from training.udacity.recipe import Recipe
from training.udacity.report import write_report
from training.udacity.trainer import Trainer

RECIPE = Recipe(drives=60, drive_frames=10, rounds=3, batches=2, batch_size=2, chunk_length=6, patience=2)

QUIET = Progress(Console(quiet=True))


class KilledError(Exception):
    """Stands for the death of the process."""


class DyingProgress(Progress):
    """Kills the training after its first round."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[..., None]]:
        def advance(_steps: int = 1) -> None:
            if title == "Training":
                raise KilledError

        yield advance


@pytest.fixture(scope="module")
def drives(recording, tmp_path_factory) -> Path:
    """A folder with all drives."""
    folder = tmp_path_factory.mktemp("drives")
    collect(Collection(folder, (recording,), RECIPE))
    return folder


def trainer(recording, drives: Path, work: Path, scores: list[float], progress: Progress = QUIET) -> Trainer:
    """A trainer whose judge gives these scores, one after the other."""
    left = iter(scores)
    return Trainer(work, Collection(drives, (recording,), RECIPE), lambda _: next(left), [], progress)


def carried_out(made: Trainer) -> Path:
    """The best weights of a training, after what was still to do."""
    made.train(made.drive())
    return made.weights(made.best())


@pytest.fixture(scope="module")
def whole(recording, drives, tmp_path_factory) -> Path:
    """The weights of a training that nothing interrupted."""
    return carried_out(trainer(recording, drives, tmp_path_factory.mktemp("whole"), [3.0, 1.0, 2.0]))


@pytest.fixture(scope="module")
def first_round(recording, drives, tmp_path_factory) -> Path:
    """The folder of a training that was killed after its first round."""
    work = tmp_path_factory.mktemp("killed")
    with pytest.raises(KilledError):
        carried_out(trainer(recording, drives, work, [3.0], DyingProgress()))
    return work


@pytest.fixture
def killed(first_round, tmp_path) -> Path:
    """A copy of that folder."""
    return shutil.copytree(first_round, tmp_path / "killed")


@pytest.mark.slow
def test_drives_that_exist_are_kept_and_a_lost_one_is_made_anew_as_it_was(recording, drives):
    files = sorted(drives.glob("*.npz"))
    assert len(files) == 2
    before = {path: path.stat().st_mtime_ns for path in files}
    with np.load(files[1]) as arrays:
        images = arrays["images"]
    files[1].unlink()
    made = collect(Collection(drives, (recording,), RECIPE))
    assert files[0].stat().st_mtime_ns == before[files[0]]
    assert np.array_equal(made.images[50:], images)
    assert len(made.images) == RECIPE.drives


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(recording, drives, whole, killed):
    resumed = carried_out(trainer(recording, drives, killed, [1.0, 2.0]))
    assert whole.name == resumed.name == "round-2.weights.h5"
    first, second = (checkpoint.load(path).network.get_weights() for path in (whole, resumed))
    for one, other in zip(first, second, strict=True):
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_it_ends_when_the_score_gets_no_better(recording, drives, tmp_path):
    recipe = replace(RECIPE, rounds=6)
    collection = Collection(drives, (recording,), recipe)
    scores = iter([1.0, 2.0, 3.0, 4.0, 0.5])
    made = Trainer(tmp_path, collection, lambda _: next(scores), [], QUIET)
    assert carried_out(made).name == "round-1.weights.h5"
    assert len(made.history()) == 3
    write_report(made.history(), made.drive(), tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000
    assert made.publish(tmp_path / "best.weights.h5") == 1
    assert checkpoint.load(tmp_path / "best.weights.h5").manifest.training["score"] == 1.0


@pytest.mark.slow
def test_what_an_unfinished_training_left_broken_is_named(recording, drives, killed):
    resumed = trainer(recording, drives, killed, [])
    state, history = killed / "round-1.keras", killed / "history.json"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"round-1\.keras cannot be read"):
        carried_out(resumed)
    state.unlink()
    with pytest.raises(UserError, match=r"round-1\.keras is gone: delete .*history\.json"):
        carried_out(resumed)
    history.write_text("[]")
    with pytest.raises(UserError, match="holds no history: delete it"):
        carried_out(resumed)


def test_a_folder_that_another_recipe_began_is_refused(recording, drives, tmp_path):
    trainer(recording, drives, tmp_path, [])
    other = Collection(drives, (recording,), replace(RECIPE, seed=1))
    with pytest.raises(UserError, match=r"recipe\.json"):
        Trainer(tmp_path, other, lambda _: 0.0, [], QUIET)
    assert json.loads((tmp_path / "recipe.json").read_text())["recipe"]["seed"] == 0


def test_a_recording_too_short_to_drive_along_is_told_and_begins_no_folder(recording, tmp_path):
    short = Collection(tmp_path / "drives", (recording.select(0, 20),), RECIPE)
    with pytest.raises(UserError, match="record some minutes"):
        Trainer(tmp_path, short, lambda _: 0.0, [], QUIET)
    assert list(tmp_path.iterdir()) == []


def test_broken_drives_are_named(tmp_path):
    (tmp_path / "0000.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"0000\.npz is damaged .* delete it"):
        Drives.load(tmp_path / "0000.npz")


@pytest.mark.slow
def test_the_judge_drives_a_network_in_closed_loop(recording, whole):
    assert 0 < judge(whole, (recording,)) < np.inf
