"""What a training reached: loss and closed-loop score of each round, and the steering that it learnt."""

from pathlib import Path

import numpy as np

from sim_bridges.plots import save_figure
from training.udacity.drive import Drives


def write_report(history: dict[int, dict[str, float]], drives: Drives, path: Path) -> None:
    """Draws the report of a training into a picture.

    Args:
        history: Loss and score of each round.
        drives: What it learnt from.
        path: The picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    losses, scores, steering = figure.subplots(1, 3)
    rounds = sorted(history)
    losses.semilogy(rounds, [history[number]["loss"] for number in rounds], "o-")
    losses.set(title="Loss", xlabel="round", ylabel="mean squared error")
    scores.semilogy(rounds, [history[number]["score"] for number in rounds], "o-")
    scores.set(title="Closed loop, the lower the better", xlabel="round", ylabel="m, with interventions")
    steering.hist(drives.steering.ravel(), bins=np.linspace(-1, 1, 81))
    steering.set(
        title="Steering that leads back to the line", xlabel="steering", ylabel="frames", yscale="log"
    )
    save_figure(figure, path, dpi=120)
