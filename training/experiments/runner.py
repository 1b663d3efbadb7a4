"""Runs an experiment cell by cell; killed anywhere, it goes on where it was."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.files import read_json, write_json
from models.versions import versions
from training.experiments.inspection import SEQUENCES, inspect
from training.experiments.sequences import Fold
from training.experiments.study import Budget, Contender, Experiment, Study, Table
from training.experiments.trainee import Trainee, Training, finite
from training.progress import Progress
from training.settled import settle

BUDGET = "budget.json"
TUNING_SEED = 1000
"""Seed of the weights, and of the fold unless a study has rates of its own, by which learning rates are
chosen; never reported."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One model in one study under one seed."""

    study: Table
    contender: Contender
    seed: int

    def path(self, out: Path) -> Path:
        """Returns where its result lies."""
        return out / _slug(self.study.title) / _slug(self.contender.name) / f"seed-{self.seed}.json"

    def content(
        self,
        training: Training,
        rate: float,
        parameters: int,
        metrics: dict[str, float],
        attention: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """Returns its result, with the day and the versions that made it.

        Args:
            training: How the training went.
            rate: Its learning rate.
            parameters: Number of weights that are trained.
            metrics: What was measured.
            attention: What `inspect` found.

        Raises:
            UserError: There is no result, since the training diverged.
        """
        if not all(map(math.isfinite, (training.best_loss, *metrics.values()))):
            raise UserError(
                f"{self.study.title}: {self.contender.name} diverged under seed {self.seed}, so it has no "
                "result: run the others by --model."
            )
        return {
            "metrics": metrics,
            "parameters": parameters,
            "learning_rate": rate,
            "training": asdict(training),
            "attention": attention,
            "date": datetime.now(timezone.utc).date().isoformat(),
            "versions": versions(),
        }


class Runner:
    """Carries out an experiment in a folder.

    Args:
        out: Folder for results; one that other settings began is refused.
        experiment: The experiment.
        seeds: Seeds 0 to `seeds - 1` are run.
        progress: Where to show how far the work is.
        threads: Processor threads, on which the time of an epoch depends.
    """

    def __init__(
        self, out: Path, experiment: Experiment, seeds: int, progress: Progress, threads: int = 1
    ) -> None:
        self.out, self.experiment, self.seeds, self.progress = out, experiment, seeds, progress
        self._threads = threads

    def run(self) -> None:
        """Trains and measures all cells that are still missing, contender after contender.

        Raises:
            UserError: The data is not there, the folder belongs to other settings, or a training diverged.
        """
        data = self.experiment.data and str(self.experiment.data().resolve())
        self.settle_budget()
        # The data is known by its place: to read all of it takes longer than many a trial.
        settle(self.out / "conditions.json", {"data": data, "threads": self._threads})
        if self.experiment.carry_out is not None:
            self.experiment.carry_out(self)
            return
        for contender in _contenders(self.experiment):
            for study in self.experiment.studies:
                if contender.installed and contender in study.contenders:
                    self._run(study, contender)

    def settle_budget(self) -> None:
        """Begins the folder with the experiment's budget, or makes sure that it was begun so.

        Raises:
            UserError: It was not, or cannot be written.
        """
        settle(self.out / BUDGET, asdict(self.experiment.budget))

    def _run(self, study: Study, contender: Contender) -> None:
        cells = [Cell(study, contender, seed) for seed in range(self.seeds)]
        missing = [cell for cell in cells if not cell.path(self.out).exists()]
        if not missing:
            return
        budget = self.experiment.budget
        trials = len(budget.rates) if len(budget.rates) > 1 else 0
        choices = len(missing) if study.own_rates else 1
        total = choices * trials * budget.tuning_epochs + len(missing) * budget.epochs
        with self.progress.task(f"{study.title}: {contender.name}", total) as advance:
            tuning = study.fold(TUNING_SEED)
            trainee = Trainee(study, contender, budget, tuning.train)
            for cell in missing:
                fold = study.fold(cell.seed)
                rate = self._choose_rate(study, cell, trainee, fold if study.own_rates else tuning, advance)
                write_json(cell.path(self.out), self._measure(study, cell, fold, trainee, rate, advance))

    def _choose_rate(self, study: Study, cell: Cell, trainee: Trainee, fold: Fold, advance: Any) -> float:
        def trial(rate: float) -> float:
            epochs = self.experiment.budget.tuning_epochs
            return trainee.train(fold, TUNING_SEED, rate, epochs, advance).best_loss

        path = cell.path(self.out)
        folder = path.with_suffix("") if study.own_rates else path.parent
        return choose_rate(self.experiment.budget, folder, trial)

    def _measure(
        self, study: Study, cell: Cell, fold: Fold, trainee: Trainee, rate: float, advance: Any
    ) -> dict[str, Any]:
        training = trainee.train(fold, cell.seed, rate, self.experiment.budget.epochs, advance)
        predicted = trainee.predict(fold.test)
        metrics = {metric.name: metric.measure(fold.test, predicted) for metric in study.metrics}
        attention = inspect(trainee.network, fold.test.first(SEQUENCES).inputs())
        return cell.content(training, rate, trainee.parameters, metrics, attention)

    def results(self) -> Iterator[tuple[Table, Contender, list[dict[str, Any]]]]:
        """Yields the finished cells of each contender in each study, at least one.

        Each is as it was written, with its seed.

        Raises:
            UserError: One of them is broken.
        """
        for study in self.experiment.studies:
            for contender in study.contenders:
                paths = {seed: Cell(study, contender, seed).path(self.out) for seed in range(self.seeds)}
                cells = [
                    {**_read(study, path), "seed": seed} for seed, path in paths.items() if path.exists()
                ]
                if cells:
                    yield study, contender, cells

    def absent(self) -> list[str]:
        """Returns the contenders that could not take part, with the package that is not installed."""
        return [
            f"{contender.name} ({contender.requires})"
            for contender in _contenders(self.experiment)
            if not contender.installed
        ]


def choose_rate(budget: Budget, folder: Path, trial: Callable[[float], float]) -> float:
    """Returns the rate whose trial had the smallest validation loss.

    Args:
        budget: The effort, with the rates to try; a single one needs no trial.
        folder: Where the losses of finished trials lie, which are not repeated.
        trial: Trains with a rate and returns the validation loss, infinite where the training diverged.
    """
    if len(budget.rates) == 1:
        return budget.rates[0]
    losses = {}
    for rate in budget.rates:
        path = folder / f"rate-{rate:g}.json"
        if not path.exists():
            write_json(path, {"validation_loss": finite(trial(rate))})
        loss = read_result(path, "validation_loss")["validation_loss"]
        losses[rate] = math.inf if loss is None else loss
    return min(losses, key=lambda rate: losses[rate])


def read_result(path: Path, *keys: str) -> dict[str, Any]:
    """Returns the content of a file that holds at least these keys.

    Raises:
        UserError: It does not, or cannot be read.
    """
    content: dict[str, Any] = read_json(path)
    _check_keys(path, content, keys)
    return content


def _check_keys(path: Path, content: Any, keys: Iterable[str]) -> None:
    if not isinstance(content, dict) or not content.keys() >= set(keys):
        raise UserError(f"{path} is no whole result: delete it to have it made again.")


def _read(study: Table, path: Path) -> dict[str, Any]:
    """Returns a finished cell."""
    keys = ("metrics", "parameters", "learning_rate", "training", "attention", "date", "versions")
    cell = read_result(path, *keys)
    _check_keys(path, cell["metrics"], (metric.name for metric in study.metrics))
    _check_keys(path, cell["training"], ("epoch_s",))
    return cell


def _contenders(experiment: Experiment) -> list[Contender]:
    """Returns all contenders once, in the order of the longest list."""
    found: list[Contender] = []
    for study in sorted(experiment.studies, key=lambda study: -len(study.contenders)):
        found += [contender for contender in study.contenders if contender not in found]
    return found


def _slug(title: str) -> str:
    return "-".join("".join(c if c.isalnum() or c == "." else " " for c in title.lower()).split())
