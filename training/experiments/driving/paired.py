"""Scores on the same tracks, compared track by track, and drawn over the share of lost frames."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_bridges.plots import save_figure
from training.experiments.driving.contenders import LAN_ELAPSED
from training.experiments.report import Row, title_of
from training.experiments.runner import Runner
from training.experiments.study import Table


def score_name(drop_share: float) -> str:
    """Returns the name of the mean score with a share of lost frames."""
    return f"score at {drop_share:.0%} lost"


def paired_rows(runner: Runner, found: list[Row]) -> list[Row]:
    """Returns, for each table of drives, the score of `LAN, elapsed` minus that of each other model.

    Args:
        runner: Gives the finished cells, of which those under the same seed are compared.
        found: Rows of the models that are reported.
    """
    reported = {(title_of(row), row["model"]): row for row in found}
    rows: list[Row] = []
    for study, scores in _scores(runner).items():
        compared = {model: cells for model, cells in scores.items() if (study.title, model) in reported}
        ours = compared.pop(LAN_ELAPSED.name, {})
        for model, theirs in compared.items():
            seeds = sorted(ours.keys() & theirs.keys())
            shared = {**reported[study.title, model], "seeds": len(seeds)}
            rows += [
                _difference(shared, study, share, [ours[seed][share] - theirs[seed][share] for seed in seeds])
                for share in (theirs[seeds[0]] if seeds else ())
            ]
    return rows


def draw(drop_shares: tuple[float, ...], rows: list[Row], path: Path) -> None:
    """Draws the score of every model over the share of lost frames, with its deviation over the seeds."""
    from matplotlib.figure import Figure

    names = [score_name(share) for share in drop_shares]
    tables: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        if row["metric"] in names:
            tables.setdefault(title_of(row), {}).setdefault(row["model"], {})[row["metric"]] = row
    complete = {
        title: models
        for title, models in tables.items()
        if all(len(by_name) == len(names) for by_name in models.values())
    }
    if not complete:
        return
    figure = Figure(figsize=(5.5 * len(complete), 4.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(complete), sharey=True))
    for axis, (title, models) in zip(axes, complete.items(), strict=True):
        for model, by_name in models.items():
            axis.errorbar(
                [100 * share for share in drop_shares],
                [by_name[name]["mean"] for name in names],
                yerr=[by_name[name]["std"] or 0.0 for name in names],
                fmt="o-" if model.startswith("LAN") else "s--",
                capsize=3,
                label=model,
            )
        axis.set(title=title, xlabel="frames lost (%)", ylabel="mean score")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    save_figure(figure, path, dpi=100)


def _scores(runner: Runner) -> dict[Any, dict[str, dict[int, dict[str, NDArray[np.float64]]]]]:
    """Returns scores by table, model, seed and share of lost frames, one for each track."""
    found: dict[Any, dict[str, dict[int, dict[str, NDArray[np.float64]]]]] = {}
    for study, contender, cells in runner.results():
        if getattr(study, "rides", None) is not None:
            found.setdefault(study, {})[contender.name] = {
                cell["seed"]: {share: np.array(ride["scores"]) for share, ride in cell["rides"].items()}
                for cell in cells
            }
    return found


def _difference(shared: Row, study: Table, drop_share: str, scores: list[NDArray[np.float64]]) -> Row:
    """Returns the row of differences, one for each track under each seed."""
    by_track = np.mean(scores, axis=0)
    tracks = len(by_track)
    return {
        **shared,
        "dataset": study.title,
        "protocol": f"what LAN, elapsed scores more, track by track ({tracks} tracks, ± standard error)",
        "metric": f"at {float(drop_share):.0%} lost",
        "smaller_is_better": None,
        "mean": float(by_track.mean()),
        "std": float(by_track.std(ddof=1) / np.sqrt(tracks)) if tracks > 1 else None,
    }
