"""Filling the gaps of irregularly sampled sines."""

from functools import partial
from pathlib import Path

import keras
import numpy as np

from training.experiments.models.attention import ATTENTION, FAIR_PAIRS
from training.experiments.models.field import FIELD
from training.experiments.scores import Metric, rmse
from training.experiments.sequences import Fold, Sequences, complete, split
from training.experiments.signals import dense_encoder
from training.experiments.study import Budget, Experiment, Size, Study

ABOUT = """\
Sines of random amplitude, frequency and phase are sampled at irregular times, and a share of the samples
is missing: 5 % as in the paper, and half. The network gives a value at each time stamp; only those of the
gaps count, in training and in the score. In the paper's code a gap is a zero like any other; here it is a
time stamp without a measurement: it asks, and no layer that takes a mask attends it. The network is told
which samples are missing in both cases. Recurrent layers run both ways."""

STEPS = 48
SEQUENCES = 2400
SPAN_S = 10.0


def sines(rng: np.random.Generator, count: int, missing: float, gaps_as_zeros: bool = False) -> Sequences:
    """Returns sines with gaps.

    Args:
        rng: Where randomness comes from.
        count: Number of sequences.
        missing: Share of samples that are missing, at least one in a sequence.
        gaps_as_zeros: Whether a gap passes for a measured zero.

    Returns:
        Sequences of `STEPS` samples within `SPAN_S` seconds; features are the value (0 in gaps) and whether
        it was measured, the weights are 1 in gaps only.
    """
    times = np.sort(rng.uniform(0, SPAN_S, (count, STEPS)), axis=1)
    amplitude, frequency_hz, phase = (
        rng.uniform(low, high, (count, 1)) for low, high in ((0.5, 1.5), (0.1, 0.4), (0, 2 * np.pi))
    )
    values = amplitude * np.sin(2 * np.pi * frequency_hz * times + phase)
    ranks = np.argsort(np.argsort(rng.random((count, STEPS)), axis=1), axis=1)
    gaps = ranks < max(1, round(missing * STEPS))
    features = np.stack([np.where(gaps, 0, values), ~gaps], axis=-1)
    observed = None if gaps_as_zeros else ~gaps
    return complete(features, times, values[..., None], observed=observed, weights=gaps.astype(np.float32))


def _fold(missing: float, gaps_as_zeros: bool, seed: int) -> Fold:
    rng = np.random.default_rng(seed)
    return split(sines(rng, SEQUENCES, missing, gaps_as_zeros), rng)


def _rmse_in_gaps(sequences: Sequences, predicted: np.ndarray) -> float:
    return rmse((predicted - sequences.targets)[sequences.weights > 0])


def experiment(_data: Path | None) -> Experiment:
    """Returns the experiment, which makes its own data."""
    studies = tuple(
        Study(
            dataset=f"sines, {missing:.0%} missing".replace("%", " %"),
            protocol="gaps as zeros" if zeros else "gaps as missing",
            fold=partial(_fold, missing, zeros),
            contenders=ATTENTION if zeros else FIELD,
            metrics=(Metric("RMSE in gaps", _rmse_in_gaps),),
            loss=keras.losses.MeanSquaredError(),
            outputs=1,
            encode=dense_encoder,
            size=Size(units=32, heads=4, time_scale=SPAN_S / STEPS),
            every_step=True,
        )
        for missing, zeros in ((0.05, False), (0.5, False), (0.05, True))
    )
    return Experiment(
        "imputation",
        ABOUT,
        studies,
        Budget(epochs=40, batch_size=64, rates=(3e-3, 1e-2, 3e-2), tuning_epochs=10),
        FAIR_PAIRS,
    )
