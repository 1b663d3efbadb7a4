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


def only(experiment: Experiment, models: list[str]) -> Experiment:
    """Returns an experiment in which the named models alone take part.

    Raises:
        UserError: One of them does not belong to the experiment.
    """
    known = dict.fromkeys(c.name for study in experiment.studies for c in study.contenders)
    if strangers := [name for name in models if name not in known]:
        raise UserError(
            f"No model of {experiment.name} is called {strangers[0]!r}: choose among {'; '.join(known)}."
        )
    chosen = (
        replace(study, contenders=tuple(c for c in study.contenders if c.name in models))
        for study in experiment.studies
    )
    return replace(experiment, studies=tuple(study for study in chosen if study.contenders))


def quick(experiment: Experiment) -> Experiment:
    """Returns a trial: the first table with ours and its rivals, few sequences and epochs."""
    study = experiment.studies[0]
    ours, rivals = experiment.ours[0]
    # XLA takes longer to compile a network than a trial takes without it.
    contenders = tuple(replace(c, jit=False) for c in study.contenders if c.name in (ours, *rivals))
    small = replace(study.quick(), contenders=contenders)
    budget = Budget(epochs=2, batch_size=experiment.budget.batch_size, rates=experiment.budget.rates[:1])
    return replace(experiment, studies=(small,), budget=budget)
