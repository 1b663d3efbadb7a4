"""The experiments by their names."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

from models.errors import UserError
from training.experiments.study import Budget, Experiment

NAMES = (
    "universal-approximation",
    "event-mnist",
    "person-activity",
    "remaining-useful-life",
    "imputation",
    "ablation",
    "lane-keeping",
)


def load(name: str, data: Path | None) -> Experiment:
    """Returns an experiment; `data` is the folder with the data.

    Raises:
        UserError: There is no such experiment.
    """
    if name not in NAMES:
        raise UserError(f"There is no experiment {name!r}: choose one of {', '.join(NAMES)}.")
    module = import_module(f"training.experiments.{name.replace('-', '_')}")
    return module.experiment(data)


def only(experiment: Experiment, tables: list[str], models: list[str]) -> Experiment:
    """Returns an experiment with the named tables and models alone; an empty list stands for all.

    Raises:
        UserError: One of them does not belong to the experiment.
    """
    _check(tables, [study.title for study in experiment.studies], f"table of {experiment.name}")
    studies = [study for study in experiment.studies if not tables or study.title in tables]
    names = dict.fromkeys(contender.name for study in studies for contender in study.contenders)
    _check(models, list(names), "model there")
    chosen = (
        replace(study, contenders=tuple(c for c in study.contenders if not models or c.name in models))
        for study in studies
    )
    return replace(experiment, studies=tuple(study for study in chosen if study.contenders))


def _check(asked: list[str], known: list[str], what: str) -> None:
    for name in asked:
        if name not in known:
            raise UserError(f"No {what} is called {name!r}: choose among {'; '.join(known)}.")


def quick(experiment: Experiment) -> Experiment:
    """Returns a trial: the first table with ours and its rivals, few sequences and epochs."""
    study = experiment.studies[0]
    ours, rivals = experiment.ours[0]
    # XLA takes longer to compile a network than a trial takes without it.
    contenders = tuple(replace(c, jit=False) for c in study.contenders if c.name in (ours, *rivals))
    small = replace(study.quick(), contenders=contenders)
    budget = Budget(epochs=2, batch_size=experiment.budget.batch_size, rates=experiment.budget.rates[:1])
    return replace(experiment, studies=(small,), budget=budget)
