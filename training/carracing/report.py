"""What a training reached: loss curves and the scores of each round's drives, as picture and as JSON."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError
from models.files import write_json
from sim_bridges.plots import save_figure
from training.carracing.collect import Round, load_drives
from training.carracing.recipe import Recipe


def write_report(work: Path, recipe: Recipe) -> None:
    """Writes `report.json` and `report.png` into the working folder of a finished training.

    Losses are those of the weights before averaging; the file of a round holds averaged ones.
    """
    rounds = [
        {
            "round": number,
            "expert_share": recipe.expert_share(number),
            **_losses(work / f"round-{number}.csv"),
            **_scores(Round.of(work, recipe, number)),
        }
        for number in range(recipe.rounds)
    ]
    write_json(work / "report.json", rounds)
    _plot(rounds, work / "report.png")


def _losses(history: Path) -> dict[str, list[float]]:
    """Returns the losses of each epoch; one that a killed training made twice counts as it was made last."""
    try:
        with history.open(newline="") as file:
            epochs = {int(row["epoch"]): row for row in csv.DictReader(file)}
        return {key: [float(epochs[n][key]) for n in sorted(epochs)] for key in ("loss", "val_loss")}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{history} tells of no training ({error}): train in another folder.") from None


def _scores(drives: Round) -> dict[str, Any]:
    """Returns the mean score of a round's drives, apart for those with all frames and those without."""
    made = load_drives(drives)
    complete = [drive.score for drive in made if drive.drop_share == 0]
    thinned = [drive.score for drive in made if drive.drop_share > 0]
    return {
        "drives": len(made),
        "frames": sum(drive.frames for drive in made),
        "score_all_frames": float(np.mean(complete)) if complete else None,
        "score_dropped_frames": float(np.mean(thinned)) if thinned else None,
    }


def _plot(rounds: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for key, style in (("loss", "-"), ("val_loss", "--")):
        values = [value for entry in rounds for value in entry[key]]
        losses.semilogy(range(1, len(values) + 1), values, style, label=key)
    ends = np.cumsum([len(entry["loss"]) for entry in rounds])[:-1]
    for end in ends:
        losses.axvline(end + 0.5, color="0.8", linewidth=0.8)
    losses.set(
        title="Loss before averaging weights (lines between rounds)",
        xlabel="epoch",
        ylabel="weighted squared error",
    )
    losses.legend()
    numbers = [entry["round"] for entry in rounds]
    for key, label in (("score_all_frames", "all frames"), ("score_dropped_frames", "0 to 85 % dropped")):
        scores.plot(numbers, [entry[key] for entry in rounds], "o-", label=label)
    scores.set(title="Mean score of the drives of each round", xlabel="round", ylabel="score")
    scores.legend()
    save_figure(figure, path, dpi=120)
