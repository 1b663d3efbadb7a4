"""Carries out the cells of driving experiments: data, all trainings, then all drives, on every core."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from controller.runtime import limit_threads
from models.files import write_json
from sim_bridges.processes import map_in_processes
from training.arrays import save_arrays, saved_arrays
from training.experiments.data_folder import MissingDataError
from training.experiments.driving.contenders import BY_NAME
from training.experiments.driving.film_study import FilmStudy, Part, Rides
from training.experiments.driving.ride import Driver, ride_all
from training.experiments.driving.training import VALIDATION_BATCHES, answers, train
from training.experiments.driving.window_driver import WindowDriver
from training.experiments.inspection import SEQUENCES, inspect
from training.experiments.runner import TUNING_SEED, Cell, Runner, choose_rate, read_result
from training.experiments.study import Budget
from training.experiments.trainee import Training

JUDGING_SEED = 999
"""Seed of the chunks for validation and for test, the same for all networks."""


@dataclass(frozen=True, slots=True)
class Job:
    """One network of a table, in a form that another process can take.

    Attributes:
        study: The table, without its contenders.
        contender: Name of the contender.
        seed: Seed of weights and batches.
        budget: The effort.
        out: Folder for results.
    """

    study: FilmStudy
    contender: str
    seed: int
    budget: Budget
    out: Path

    @property
    def data(self) -> Path:
        """The folder for data."""
        return data_folder(self.out)

    @property
    def cell(self) -> Cell:
        """Its place among the results."""
        return Cell(self.study, BY_NAME[self.contender], self.seed)

    def path(self, kind: str) -> Path:
        """Returns where something of this network lies."""
        return self.cell.path(self.out).with_suffix(f".{kind}")

    @property
    def is_finished(self) -> bool:
        """Whether its result is there."""
        return self.cell.path(self.out).exists()

    @property
    def is_trained(self) -> bool:
        """Whether its training is over."""
        trained = (self.path(kind).exists() for kind in ("weights.npz", "training.json"))
        return self.is_finished or all(trained)

    def network(self, seed: int) -> WindowDriver:
        """Returns the untrained network."""
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        study = self.study
        contender, image_shape = BY_NAME[self.contender], study.source.image_shape
        return WindowDriver(contender, study.size, study.window, image_shape, study.hidden_rows, study.head)


def data_folder(out: Path) -> Path:
    """Returns the folder for data inside one for results."""
    return out / "data"


def carry_out(runner: Runner) -> None:
    """Makes data, trains what is not trained yet, drives what has not been driven yet.

    Of every table the first seed of each contender comes first, then the second; a table whose data is not
    there is left out.

    Raises:
        UserError: The folder was begun with other data.
    """
    studies = [study for study in runner.experiment.studies if _has_data(runner, study)]
    jobs = [
        Job(replace(study, contenders=()), contender.name, seed, runner.experiment.budget, runner.out)
        for seed in range(runner.seeds)
        for study in studies
        for contender in study.contenders
        if contender.installed
    ]
    _work(runner, "Training", _train, [job for job in jobs if not job.is_trained])
    _work(runner, "Driving", _finish, [job for job in jobs if not job.is_finished])


def _has_data(runner: Runner, study: FilmStudy) -> bool:
    try:
        study.source.gather(data_folder(runner.out), runner.progress)
    except MissingDataError as error:
        runner.progress.say(f"{study.title} is left out. {error}")
        return False
    return True


def _work(runner: Runner, title: str, function: Callable[[Any], None], jobs: list[Any]) -> None:
    with runner.progress.task(title, len(jobs)) as advance:
        for _ in map_in_processes(function, jobs, limit_threads, (1,)):
            advance()


def _train(job: Job) -> None:
    rate = _choose_rate(job)
    network = job.network(job.seed)
    training = _fit(job, network, job.seed, rate, job.budget.epochs)
    at_the_wheel = job.study.rides is not None
    judging = _judging(job, Part.VALIDATION if at_the_wheel else Part.TEST)
    measured = {}
    if not at_the_wheel:
        wanted, given = answers(network, judging)
        measured = {metric.name: metric.measure(wanted, given) for metric in job.study.metrics}
    parameters = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    content = job.cell.content(training, rate, parameters, measured, _attention(network, judging))
    save_arrays(job.path("weights.npz"), *network.get_weights())
    write_json(job.path("training.json"), content)
    if not at_the_wheel:
        _finish(job)


def _judging(job: Job, part: Part) -> keras.utils.PyDataset:
    """Returns the batches by which networks are compared."""
    return job.study.source.batches(job.data, part, JUDGING_SEED, VALIDATION_BATCHES)


def _fit(job: Job, network: WindowDriver, seed: int, rate: float, epochs: int) -> Training:
    batches = job.study.source.batches(job.data, Part.TRAINING, seed, job.study.batches)
    return train(network, batches, _judging(job, Part.VALIDATION), job.study.loss, rate, epochs)


def _choose_rate(job: Job) -> float:
    def trial(rate: float) -> float:
        network = job.network(TUNING_SEED)
        return _fit(job, network, TUNING_SEED, rate, job.budget.tuning_epochs).best_loss

    return choose_rate(job.budget, job.cell.path(job.out).parent, trial)


def _attention(network: WindowDriver, batches: keras.utils.PyDataset) -> dict[str, Any] | None:
    windows = {name: np.asarray(x) for name, x in network.windows(batches[0][0]).items()}
    full = windows["valid"].all(axis=1)
    return inspect(network.decide, {name: x[full][-SEQUENCES:] for name, x in windows.items()})


def _finish(job: Job) -> None:
    """Drives what is missing and writes the cell."""
    if missing := _missing_rides(job):
        _ride(job, missing)
    write_json(job.cell.path(job.out), _measured(job))


def _ride(job: Job, missing: list[tuple[Rides, float]]) -> None:
    network = job.network(job.seed)
    with saved_arrays(job.path("weights.npz")) as weights:
        network.set_weights([weights[name] for name in weights.files])
    driver = Driver(network, job.study.command)
    for rides, drop_share in missing:
        scores = ride_all(driver, rides.tracks, drop_share, rides.limit)
        write_json(_rides_path(job, drop_share), asdict(scores))


def _missing_rides(job: Job) -> list[tuple[Rides, float]]:
    """Returns the shares of lost frames at which the network has not driven yet."""
    rides = job.study.rides
    if rides is None:
        return []
    return [(rides, share) for share in rides.drop_shares if not _rides_path(job, share).exists()]


def _rides_path(job: Job, drop_share: float) -> Path:
    return job.path(f"rides-{drop_share:g}.json")


def _measured(job: Job) -> dict[str, Any]:
    """Returns the content of a cell: what the training found, and how the rides went."""
    study = job.study
    content = read_result(job.path("training.json"), "metrics", "training")
    if study.rides is not None:
        rides = {
            f"{drop_share:g}": read_result(_rides_path(job, drop_share), "scores", "laps")
            for drop_share in study.rides.drop_shares
        }
        loss = content["training"]["validation_loss"][-1]
        content["metrics"] = {metric.name: metric.measure(rides, loss) for metric in study.metrics}
        content["rides"] = rides
    return content
