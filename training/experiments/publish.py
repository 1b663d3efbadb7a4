"""Takes finished results into the documentation."""

import shutil
from dataclasses import replace
from pathlib import Path

from models.errors import UserError
from models.files import check_writable, read_json, write_json, write_text
from training.experiments.registry import NAMES, load
from training.experiments.report import Row, budget_text, markdown, plot_all, rows, title_of
from training.experiments.runner import BUDGET, Runner
from training.experiments.study import Experiment

FEWEST_SEEDS = 3

PREFACE = """\
# Experiments

Every figure in the tables was made by `liquid-drive experiment NAME` and written by `liquid-drive experiment
NAME --docs docs`; none is entered by hand. [experiments.json](experiments.json) holds the same for machines.

Experiments make their data themselves, but for four, which look for it in the folder that `--data` names, or
the environment variable `LIQUID_DRIVE_DATA`, else in `data`:

- event-mnist: `mnist.npz`, which `keras.datasets.mnist.load_data()` leaves in `~/.keras/datasets`.
- person-activity: `ConfLongDemo_JSI.txt`, data set 196 of the UCI Machine Learning Repository.
- remaining-useful-life: `rul/pronostia_*.csv.gz`, `rul/xjtu_*.csv.gz` and `rul/hust_*.csv.gz`, each a
  bearing: a line of names, then rows of 14 features of its vibration, of `RUL` in minutes or `Degradation`
  from 0 to 1, and of `Temperature` where that was measured.
- lane-keeping: `udacity_track1`, a recording of the Udacity simulator, for the table of steering alone.

All models of a table stand between the same encoder and the same head, see the same folds, and train for
the same number of epochs on one processor thread; for each, the learning rate is chosen by the same
trials on a validation split, of another seed's fold unless the text says otherwise, and the weights are
those of the best of some 20 looks at it there. Scores are on test data, mean ± standard deviation over
the seeds. A model appears once three seeds have run. *Rate* lists the learning rates that the seeds had.
*Entropy* is that of the trained attention weights as a share of that of equal weights (1: it averages);
*1 / tau* is the median liquid time constant of the trained layer with its 5th and 95th percentile, in
the time unit of the data (published horizon: without unit). Seconds an epoch are wall time, on a machine
that may have had other work. "Beyond one standard deviation" means by more than the larger of the two.
Recurrent models read the time since the step before as one more feature; "time code" is a learned
sinusoidal code of the time stamp, joined to the features. The layers of keras-nac take part as that
package ships them: its LAN reads no time, its NAC the time stamp of the step that asks and no other (a
constant where stamps are relative to that step), and neither takes a mask, so that padding and gaps are
zeros to which they may attend.
"""


def publish(runner: Runner, docs: Path) -> None:
    """Takes an experiment into `experiments.json` and makes `experiments.md` anew from all of it.

    Models that have not run here keep the results they had, if these come from the same budget, so that a
    long experiment can be published model by model.

    Raises:
        UserError: No model has enough seeds, the results are of another budget, or the folder cannot be
            written.
    """
    name = runner.experiment.name
    if not (runner.out / BUDGET).exists():
        raise UserError(
            f"Nothing of {name} has run in {runner.out}: run it without --docs first, or name another --out."
        )
    runner.settle_budget()
    found = rows(runner, FEWEST_SEEDS)
    if not found:
        raise UserError(
            f"No model of {name} in {runner.out} has {FEWEST_SEEDS} seeds: run it without --docs first."
        )
    machine = docs / "experiments.json"
    check_writable(machine)
    earlier: list[Row] = read_json(machine) if machine.exists() else []
    of_all = _joined([row for row in earlier if row["experiment"] == name], found, runner.experiment)
    total = [row for row in earlier if row["experiment"] != name] + of_all
    # Each experiment keeps its place, so that the file changes only where results do.
    order = list(dict.fromkeys(row["experiment"] for row in [*earlier, *of_all]))
    total.sort(key=lambda row: order.index(row["experiment"]))
    write_json(machine, total)
    plot_all(runner.experiment, of_all, docs / "experiments" / name)
    for picture in runner.out.glob("extra-*.gif"):
        shutil.copyfile(picture, docs / "experiments" / f"{name}-{picture.name.removeprefix('extra-')}")
    write_text(docs / "experiments.md", _text(total, docs))


def _joined(earlier: list[Row], found: list[Row], experiment: Experiment) -> list[Row]:
    """Returns the rows found and those earlier ones that still hold, in the order of the experiment."""
    places = [
        (study.dataset, study.protocol, contender.name)
        for study in experiment.studies
        for contender in study.contenders
    ]
    titles, models = {study.title for study in experiment.studies}, {model for _, _, model in places}
    renewed, budget = {_place(row) for row in found}, budget_text(experiment.budget)
    # Rows of no table, such as differences between models, have the title of theirs in place of a data set.
    kept = [
        row
        for row in earlier
        if _place(row) not in renewed
        and titles & {title_of(row), row["dataset"]}
        and row["model"] in models
        and row["budget"] == budget
    ]
    order = {place: number for number, place in enumerate(places)}
    # Those of no table come last.
    return sorted(kept + found, key=lambda row: order.get(_place(row), len(order)))


def _place(row: Row) -> tuple[str, str, str]:
    return row["dataset"], row["protocol"], row["model"]


def _text(total: list[Row], docs: Path) -> str:
    sections = [PREFACE]
    for name in NAMES:
        experiment = load(name, None)
        found = [row for row in total if row["experiment"] == name]
        if found:
            pictures = sorted((docs / "experiments").glob(f"{name}*"))
            shown = "\n".join(f"![{path.stem}](experiments/{path.name})" for path in pictures)
            text = "\n\n".join(filter(None, (experiment.about, experiment.findings)))
            sections.append(f"## {name}\n\n{markdown(replace(experiment, about=text), found)}\n{shown}\n")
        else:
            sections.append(f"## {name}\n\n{experiment.about}\n\nNo results: it has not been run.\n")
    return "\n".join(sections)
