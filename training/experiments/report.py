"""What an experiment found: rows for machines, tables and plain words for people, pictures for both."""

from pathlib import Path
from statistics import stdev
from textwrap import fill
from typing import Any

import numpy as np

from models.errors import UserError
from models.files import write_json, write_text
from sim_bridges.plots import save_figure
from training.experiments.models.attention import MEAN
from training.experiments.runner import Runner
from training.experiments.study import Budget, Contender, Experiment, Table

Row = dict[str, Any]

BETTER = "better"
SAME = "**no difference**"

TITLE_COLUMNS = 48
LOG_SPAN = 10
"""Errors that differ by more than this factor are drawn on a logarithmic axis."""
UNIFORM = 0.95
"""Attention whose entropy exceeds this share of that of equal weights is called all but uniform."""


def rows(runner: Runner, fewest_seeds: int = 1) -> list[Row]:
    """Returns a row for each finished model, data set, protocol and metric."""
    found = [
        row
        for study, contender, cells in runner.results()
        if len(cells) >= fewest_seeds
        for row in _rows(runner, study, contender, cells)
    ]
    further = runner.experiment.further
    return found if further is None else found + further(runner, found)


def _rows(runner: Runner, study: Table, contender: Contender, cells: list[Row]) -> list[Row]:
    attention = [cell["attention"] for cell in cells if cell["attention"]]
    constants = np.array([seen["time_constants"] for seen in attention])
    shared = {
        "seeds": len(cells),
        "parameters": cells[0]["parameters"],
        "epoch_s": float(np.median([cell["training"]["epoch_s"] for cell in cells])),
        "learning_rates": sorted({cell["learning_rate"] for cell in cells}),
        "entropy": float(np.mean([seen["entropy"] for seen in attention])) if attention else None,
        "time_constants": constants.mean(axis=0).tolist() if attention else None,
        "budget": budget_text(runner.experiment.budget),
        "date": max(cell["date"] for cell in cells),
        "versions": _together([cell["versions"] for cell in cells]),
    }
    rows = []
    for metric in study.metrics:
        values = [cell["metrics"][metric.name] for cell in cells]
        row = {
            "experiment": runner.experiment.name,
            "dataset": study.dataset,
            "protocol": study.protocol,
            "model": contender.name,
            "metric": metric.name,
            "smaller_is_better": metric.smaller_is_better,
            "mean": float(np.mean(values)),
            "std": stdev(values) if len(values) > 1 else None,
        }
        rows.append(row | shared)
    return rows


def _together(found: list[dict[str, str]]) -> dict[str, str]:
    """Returns the version of each package, or all of them where it is not the same in all."""
    packages = dict.fromkeys(package for versions in found for package in versions)
    return {
        package: " and ".join(dict.fromkeys(versions[package] for versions in found if package in versions))
        for package in packages
    }


def budget_text(budget: Budget) -> str:
    """Returns the effort that every model gets, in words."""
    rates = " and ".join(f"{rate:g}" for rate in budget.rates)
    tuning = f"the learning rate from {rates} by {budget.tuning_epochs} epochs each"
    if len(budget.rates) == 1:
        tuning = f"learning rate {rates}"
    return f"{budget.epochs} epochs of batches of {budget.batch_size}, {tuning}"


def markdown(experiment: Experiment, found: list[Row]) -> str:
    """Returns the text of an experiment with these rows: what it asks, its tables, and how ours did."""
    paragraphs = [experiment.about]
    for title, table in _tables(found).items():
        paragraphs += [f"### {title}", _table(table), *_verdicts(table, experiment)]
        paragraphs += _at_the_edge(table, experiment.budget)
    paragraphs.append(f"Every model: {found[0]['budget']}. {_made(found)}")
    return "\n\n".join(paragraphs) + "\n"


def _at_the_edge(table: list[Row], budget: Budget) -> list[str]:
    """Returns a sentence where larger learning rates than those on offer may be better for most models."""
    rates = {row["model"]: row["learning_rates"] for row in table if row["smaller_is_better"] is not None}
    edge = [model for model, chosen in rates.items() if chosen == [max(budget.rates)]]
    if len(budget.rates) == 1 or 2 * len(edge) <= len(rates):
        return []
    return [
        f"The largest rate on offer, {max(budget.rates):g}, was the best for {len(edge)} of {len(rates)} "
        "models under every seed; its trials do not rule a larger one out."
    ]


def _made(found: list[Row]) -> str:
    """Returns when and by which versions the rows were made, a sentence for each set of versions."""
    dates: dict[str, set[str]] = {}
    for row in found:
        packages = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
        dates.setdefault(packages, set()).add(row["date"])
    return " ".join(f"{_listed(sorted(days))}: {packages}." for packages, days in dates.items())


def _table(table: list[Row]) -> str:
    metrics = list(dict.fromkeys(row["metric"] for row in table))
    head = ["model", *metrics, "seeds", "parameters", "s an epoch", "rate", "entropy", "1 / tau"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for model in dict.fromkeys(row["model"] for row in table):
        of_model = {row["metric"]: row for row in table if row["model"] == model}
        row = of_model[metrics[0]]
        scores = [_score(of_model[m]) for m in metrics]
        constants = row["time_constants"]
        lines.append(
            [
                model,
                *scores,
                str(row["seeds"]),
                f"{row['parameters']:,}",
                f"{row['epoch_s']:.2g}",
                ", ".join(f"{rate:g}" for rate in row["learning_rates"]),
                "" if row["entropy"] is None else f"{row['entropy']:.3f}",
                "" if constants is None else f"{constants[1]:.2g} ({constants[0]:.2g} to {constants[2]:.2g})",
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _score(row: Row) -> str:
    """Returns the mean, with the deviation where there are seeds enough for one."""
    return f"{row['mean']:.4g}" + ("" if row["std"] is None else f" ± {row['std']:.2g}")


def _verdicts(table: list[Row], experiment: Experiment) -> list[str]:
    """Returns a paragraph on each of ours and what it should beat, as far as both have run.

    Rows that are no score, such as differences between models, say neither what is better nor what is worse.
    """
    table = [row for row in table if row["smaller_is_better"] is not None]
    by_name = {(row["model"], row["metric"]): row for row in table}
    metrics = dict.fromkeys(row["metric"] for row in table)
    pairs = [(name, rival) for name, rivals in experiment.ours for rival in rivals]
    compared = [
        [
            (by_name[name, metric], by_name[rival, metric])
            for metric in metrics
            if (name, metric) in by_name and (rival, metric) in by_name
        ]
        for name, rival in pairs
    ]
    return [verdict(rows) for rows in compared if rows]


def verdict(compared: list[tuple[Row, Row]]) -> str:
    """Returns in which metrics ours beats the rival by more than the larger deviation.

    Where it does not in all, the text tells what its attention does.

    Args:
        compared: Our row and the rival's for each metric.
    """
    ours, rival = compared[0]
    named = f"{ours['model']} against {rival['model']}"
    if min(ours["seeds"], rival["seeds"]) < 2:
        return f"{named}: too few seeds to tell."
    judged: dict[str, list[str]] = {}
    for pair in compared:
        judged.setdefault(_judgement(*pair), []).append(pair[0]["metric"])
    found = [f"{judgement} in {_listed(metrics)}" for judgement, metrics in judged.items()]
    text = f"{named}, beyond one standard deviation: {'; '.join(found)}."
    if judged.keys() == {BETTER} or ours["entropy"] is None:
        return text
    rival_averages = rival["model"].startswith(MEAN.name)
    if ours["entropy"] <= UNIFORM:
        than = "averaging" if rival_averages else "the rival's"
        what = "chooses among the steps"
        what += "" if BETTER in judged else f", but its choice helps no more than {than}"
    elif rival_averages and judged.keys() == {SAME}:
        what = "is all but uniform, so it averages values as mean pooling does"
    else:
        what = "is all but uniform"
    return f"{text} Its trained attention {what} (entropy {ours['entropy']:.2f} of that of equal weights)."


def _judgement(ours: Row, rival: Row) -> str:
    gain = rival["mean"] - ours["mean"] if ours["smaller_is_better"] else ours["mean"] - rival["mean"]
    margin = max(ours["std"], rival["std"])
    if gain > margin:
        return BETTER
    return "**worse**" if -gain > margin else SAME


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def plot_all(experiment: Experiment, found: list[Row], stem: Path) -> list[Path]:
    """Draws the rows of an experiment into files `STEM.png` and `STEM-....png` and returns their paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(f"{stem.name}.png")]
    plot(found, paths[0])
    for ending, draw in experiment.plots:
        path = stem.with_name(f"{stem.name}-{ending}.png")
        draw(found, path)
        if path.exists():
            paths.append(path)
    return paths


def plot(found: list[Row], path: Path) -> None:
    """Draws the deciding metric of every table, with its standard deviation."""
    from matplotlib.figure import Figure

    shown = _compared(found)
    tallest = max(map(len, shown.values()))
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(4.6 * columns, lines * (1.2 + 0.24 * tallest)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for axis, (title, table) in zip(axes, shown.items(), strict=False):
        for place, row in enumerate(table):
            colour = "tab:orange" if row["model"].startswith("LAN,") else "tab:blue"
            axis.errorbar(row["mean"], place, xerr=row["std"], fmt="o", capsize=3, color=colour)
        axis.set_yticks(range(len(table)), [row["model"] for row in table])
        axis.invert_yaxis()
        axis.grid(axis="x", alpha=0.3)
        axis.set_title(fill(title, TITLE_COLUMNS), fontsize=9)
        axis.set_xlabel(table[0]["metric"], fontsize=8)
        axis.tick_params(labelsize=7)
        means = [row["mean"] for row in table]
        if table[0]["smaller_is_better"] and max(means) > LOG_SPAN * min(means):
            axis.set_xscale("log")
    for axis in axes[len(shown) :]:
        axis.remove()
    save_figure(figure, path, dpi=100)


def _compared(found: list[Row]) -> dict[str, list[Row]]:
    """Returns the rows of each table's deciding metric, of tables of one model only where all are such."""
    deciding = {
        title: [row for row in table if row["metric"] == table[0]["metric"]]
        for title, table in _tables(found).items()
    }
    return {title: table for title, table in deciding.items() if len(table) > 1} or deciding


def _tables(found: list[Row]) -> dict[str, list[Row]]:
    """Returns the rows of each table by its title."""
    tables: dict[str, list[Row]] = {}
    for row in found:
        tables.setdefault(title_of(row), []).append(row)
    return tables


def title_of(row: Row) -> str:
    """Returns the title of the table to which a row belongs."""
    return f"{row['dataset']}, {row['protocol']}"


def write_report(runner: Runner) -> list[Path]:
    """Writes `results.json`, `results.md` and `results*.png` beside the cells and returns their paths.

    Raises:
        UserError: No model has run.
    """
    found = rows(runner)
    absent = ", ".join(runner.absent())
    left_out = f"Left out without `pip install 'liquid-drive[experiments]'`: {absent}." if absent else ""
    if not found:
        raise UserError(f"No model of {runner.experiment.name} could run here. {left_out}".strip())
    paths = [runner.out / f"results.{kind}" for kind in ("json", "md")]
    write_json(paths[0], found)
    text = f"# {runner.experiment.name}\n\n{markdown(runner.experiment, found)}"
    if left_out:
        text += f"\n{left_out}\n"
    write_text(paths[1], text)
    return paths + plot_all(runner.experiment, found, runner.out / "results")
