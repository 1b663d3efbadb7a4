"""Whether liquid attention alone can draw a function: sine, a surface, and a function of irregular time."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.files import replacing
from sim_bridges.plots import save_figure
from training.experiments.models.attention import LAN_ELAPSED, MEAN, SOFTMAX, lan
from training.experiments.models.recurrent import GRU
from training.experiments.report import Row
from training.experiments.runner import Cell, Runner, read_result
from training.experiments.scores import Metric, rmse
from training.experiments.sequences import Fold, Sequences, complete
from training.experiments.signals import Signal
from training.experiments.study import Budget, Contender, Experiment, Size, Study
from training.experiments.trainee import Trainee

ABOUT = """\
How closely can a single layer draw a function? Features go into the layer as they are, its output passes a
tanh (the published layer's own output activation, here for every model) and a linear head. A sequence is
eight samples of the way to the point at which the function is asked, with their time stamps: of sine on [-2
pi, 2 pi] at equal distances; of the surface sin(x) cos(y) along a straight random way; of sin(t) + sin(2.5
t) / 2 at irregular times. Errors are measured on points that were not trained on, for sine on a grid of
1,001 of which only the two ends were. Models named by a solver and a width are the layer as published in
that mode, a head for every four units, with a floor of 0.01 under tau; the others have the largest width.
Mean pooling behind a tanh is an ordinary perceptron on the mean sample. At equal distances that tells where
sine is asked, in the other two tasks it does not."""

FINDINGS = """\
Mean pooling draws sine too: there the experiment shows that the layer can, not that it takes attention to
do so. In the other two tables mean pooling fails. With a rate of 0.03 on offer as well, the trials of 200
epochs chose it for 14 of the 27 lines, and after all epochs ten of these had a larger error than here, four
a smaller one: so 0.01 stays the largest."""

SAMPLES = 8
SPACING = 0.5
REACH = 2 * np.pi
MODES = ("exact", "euler", "steady")
WIDTHS = (64, 32, 16)
LARGEST = WIDTHS[0]
POINTS = 768
DRAWS = 2048
SINE = "sin(x)"
LARGEST_ERROR = "largest error"
FITTED = f"LAN, {MODES[0]}, width {LARGEST}"
FRAMES = 60


def sine(x: np.ndarray) -> np.ndarray:
    """Returns the sine of the newest samples `(N, 1)`."""
    return np.sin(x)


def surface(points: np.ndarray) -> np.ndarray:
    """Returns sin(x) cos(y) of points `(N, 2)` as `(N, 1)`."""
    return np.sin(points[:, :1]) * np.cos(points[:, 1:])


def two_tones(t: np.ndarray) -> np.ndarray:
    """Returns sin(t) + sin(2.5 t) / 2."""
    return np.sin(t) + np.sin(2.5 * t) / 2


def sine_sequences(newest: np.ndarray) -> Sequences:
    """Returns the way to each point of `(N,)` at equal distances."""
    times = newest[:, None] + SPACING * np.arange(1 - SAMPLES, 1)
    return complete(times[..., None], times, sine(newest[:, None]))


def surface_sequences(rng: np.random.Generator, count: int) -> Sequences:
    """Returns straight ways to random points of the square [-pi, pi]^2, in directions of their own."""
    newest = rng.uniform(-np.pi, np.pi, (count, 1, 2))
    angles = rng.uniform(-np.pi, np.pi, (count, 1))
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    ages = SPACING * np.arange(SAMPLES - 1, -1, -1)
    points = newest - ways * ages[None, :, None]
    return complete(points, np.broadcast_to(-ages, (count, SAMPLES)), surface(newest[:, 0]))


def irregular_sequences(rng: np.random.Generator, count: int) -> Sequences:
    """Returns times before random times of [-2 pi, 2 pi], at exponentially distributed distances."""
    newest = rng.uniform(-REACH, REACH, (count, 1))
    gaps = rng.exponential(SPACING, (count, SAMPLES - 1))
    ages = np.concatenate([np.cumsum(gaps, axis=1)[:, ::-1], np.zeros((count, 1))], axis=1)
    times = newest - ages
    return complete(times[..., None], times, two_tones(newest))


def _sine_fold(seed: int) -> Fold:
    rng = np.random.default_rng(seed)
    # With its ends, since outside of what is trained on nothing is promised.
    points = np.concatenate([[-REACH, REACH], rng.uniform(-REACH, REACH, POINTS - 2)])
    return Fold(
        sine_sequences(points),
        sine_sequences(rng.uniform(-REACH, REACH, 256)),
        sine_sequences(np.linspace(-REACH, REACH, 1001)),
    )


def _fold(draw: Any, seed: int) -> Fold:
    rng = np.random.default_rng(seed)
    return Fold(*(draw(rng, count) for count in (DRAWS, 256, 1024)))


def _largest(sequences: Sequences, predicted: np.ndarray) -> float:
    return float(np.max(np.abs(predicted - sequences.targets)))


def _rmse(sequences: Sequences, predicted: np.ndarray) -> float:
    return rmse(predicted - sequences.targets)


def _as_is(signal: Signal, _size: Size) -> Signal:
    return signal


def _of_width(mode: str, width: int) -> Contender:
    published = lan(elapsed=False, mode=mode, tau_epsilon=1e-2)

    def mix(signal: Signal, size: Size, every_step: bool) -> Any:
        return published(signal, replace(size, units=width, heads=width // 4), every_step)

    return Contender(f"LAN, {mode}, width {width}", mix)


def _curved(contender: Contender) -> Contender:
    """Returns a contender behind a tanh, the published layer's own output activation."""

    def mix(*arguments: Any) -> Any:
        return keras.layers.Activation("tanh")(contender.mix(*arguments))

    return replace(contender, mix=mix)


def experiment(_data: Path | None) -> Experiment:
    """Returns the experiment, which makes its own data."""
    rivals = (LAN_ELAPSED, SOFTMAX, MEAN, GRU)
    widest, *narrower = (tuple(_of_width(mode, width) for mode in MODES) for width in WIDTHS)
    wide = tuple(map(_curved, (*widest, *rivals)))
    tasks = (
        (SINE, _sine_fold, (*wide, *map(_curved, sum(narrower, ())))),
        ("sin(x) cos(y)", partial(_fold, surface_sequences), wide),
        ("two tones at irregular times", partial(_fold, irregular_sequences), wide),
    )
    studies = tuple(
        Study(
            dataset=dataset,
            protocol="error on new points",
            fold=fold,
            contenders=contenders,
            metrics=(Metric(LARGEST_ERROR, _largest), Metric("RMSE", _rmse)),
            loss=keras.losses.MeanSquaredError(),
            outputs=1,
            encode=_as_is,
            size=Size(units=LARGEST, heads=LARGEST // 4, time_scale=SPACING),
        )
        for dataset, fold, contenders in tasks
    )
    budget = Budget(epochs=1000, batch_size=128, rates=(3e-3, 1e-2), tuning_epochs=200)
    return Experiment(
        "universal-approximation",
        ABOUT,
        studies,
        budget,
        ((LAN_ELAPSED.name, (MEAN.name, SOFTMAX.name)),),
        plots=(("width", _draw_widths),),
        after=_draw_fit,
        findings=FINDINGS,
    )


def _draw_fit(runner: Runner) -> None:
    """Draws a fit of sine while it trains, if it is not drawn and the model takes part."""
    path = runner.out / "extra-fit.gif"
    for study in runner.experiment.studies:
        for contender in study.contenders:
            if (study.dataset, contender.name) == (SINE, FITTED) and not path.exists():
                cell = read_result(Cell(study, contender, seed=0).path(runner.out), "learning_rate")
                _animate(study, contender, runner.experiment.budget, cell["learning_rate"], path)


def _draw_widths(found: list[Row], path: Path) -> None:
    """Draws the error of each solver against width."""
    solved = [row for row in found if row["dataset"] == SINE and row["metric"] == LARGEST_ERROR]
    if not any(row["model"].startswith("LAN, exact") for row in solved):
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for mode in MODES:
        named = {f"LAN, {mode}, width {width}": width for width in WIDTHS}
        points = [
            (named[row["model"]], row["mean"], row["std"] or 0.0) for row in solved if row["model"] in named
        ]
        if points:
            axis.errorbar(*np.array(sorted(points)).T, marker="o", capsize=3, label=mode)
    axis.set(xscale="log", yscale="log", xticks=WIDTHS, xticklabels=WIDTHS, xlabel="width")
    axis.set(ylabel="largest error", title=f"{SINE} on [-2 pi, 2 pi]: error of each solver against width")
    axis.legend()
    save_figure(figure, path, dpi=100)


def _animate(study: Study, contender: Contender, budget: Budget, rate: float, path: Path) -> None:
    """Trains the contender once more and saves what it draws as a GIF, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    fold = study.fold(0)
    trainee = Trainee(study, contender, budget, fold.train)
    moments = set(np.unique(np.geomspace(1, budget.epochs, FRAMES).astype(int)) - 1)
    x, wanted = fold.test.times[:, -1], fold.test.targets[:, 0]
    frames = []

    def watch(epoch: int) -> None:
        if epoch not in moments:
            return
        predicted = trainee.predict(fold.test)[:, 0]
        figure = Figure(figsize=(4.8, 3.2), dpi=80, layout="constrained")
        canvas, axis = FigureCanvasAgg(figure), figure.subplots()
        axis.plot(x, wanted, "0.7", linewidth=4, label=study.dataset)
        axis.plot(x, predicted, "tab:orange", label=contender.name)
        axis.set(ylim=(-1.5, 1.5), title=f"epoch {epoch + 1}: error {np.abs(predicted - wanted).max():.3f}")
        axis.legend(loc="lower left", fontsize=7)
        canvas.draw()
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(32))

    trainee.train(fold, 0, rate, budget.epochs, lambda: None, watch)
    durations = [120] * (len(frames) - 1) + [2000]
    options = {"append_images": frames[1:], "duration": durations, "loop": 0, "optimize": True}
    with replacing(path) as partial:
        frames[0].save(partial, "GIF", save_all=True, **options)
