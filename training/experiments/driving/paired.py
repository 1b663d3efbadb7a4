"""Scores on the same tracks, compared track by track, and drawn over the share of lost frames."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.experiments.driving.contenders import LAN_ELAPSED
from training.experiments.report import Row
from training.experiments.runner import Runner
from training.experiments.study import Table


def paired_rows(runner: Runner, found: list[Row]) -> list[Row]:
    """Returns, for each table of drives, the score of `LAN, elapsed` minus that of each other model.

    Args:
        runner: Gives the finished cells.
        found: Rows of the models that are reported.
    """
    rows: list[Row] = []
    for study, scores in _scores(runner).items():
        ours = scores.pop(LAN_ELAPSED.name, {})
        for model, theirs in scores.items():
            shared = next((row for row in found if (_title(row), row["model"]) == (study.title, model)), None)
            rows += [
                _difference(shared, study, share, ours[share] - theirs[share])
                for share in (theirs if shared and ours else ())
            ]
    return rows


def draw(runner: Runner) -> None:
    """Draws the score of every model over the share of lost frames, with its deviation over the seeds."""
    from matplotlib.figure import Figure

    tables = {study: scores for study, scores in _scores(runner).items() if len(study.rides.drop_shares) > 1}
    figure = Figure(figsize=(5.5 * len(tables), 4.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(tables), sharey=True))
    for axis, (study, models) in zip(axes, tables.items(), strict=True):
        for model, by_share in models.items():
            shares = [100 * float(share) for share in by_share]
            seeds = [scores.mean(axis=1) for scores in by_share.values()]
            axis.errorbar(
                shares,
                [float(np.mean(scores)) for scores in seeds],
                yerr=[float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0 for scores in seeds],
                fmt="o-" if model.startswith("LAN") else "s--",
                capsize=3,
                label=model,
            )
        axis.set(title=study.title, xlabel="frames lost (%)", ylabel="mean score")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.savefig(runner.out / "extra-lost-frames.png", dpi=100)


def _scores(runner: Runner) -> dict[Any, dict[str, dict[str, NDArray[np.float64]]]]:
    """Returns scores by table, model and share of lost frames, each `(seeds, tracks)`."""
    found: dict[Any, dict[str, dict[str, NDArray[np.float64]]]] = {}
    for study, contender, cells in runner.results():
        if getattr(study, "rides", None) is not None:
            found.setdefault(study, {})[contender.name] = {
                share: np.array([cell["rides"][share]["scores"] for cell in cells])
                for share in cells[0]["rides"]
            }
    return found


def _difference(shared: Any, study: Table, drop_share: str, scores: Any) -> Row:
    """Returns the row of differences `(seeds, tracks)`."""
    by_track = np.mean(scores, axis=0)
    tracks = len(by_track)
    return {
        **shared,
        "dataset": f"{study.dataset}, {study.protocol}",
        "protocol": f"what LAN, elapsed scores more, track by track ({tracks} tracks, ± standard error)",
        "metric": f"{float(drop_share):.0%} lost",
        "smaller_is_better": False,
        "mean": float(by_track.mean()),
        "std": float(by_track.std(ddof=1) / np.sqrt(tracks)) if tracks > 1 else 0.0,
    }


def _title(row: Row) -> str:
    return f"{row['dataset']}, {row['protocol']}"
