"""What each part of the liquid attention is worth, on classes that differ in time alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.experiments.models.attention import LAN_TIMED, MEAN_TIMED, SOFTMAX_TIMED, lan, timed
from training.experiments.models.constant_rate import ConstantRateLAN
from training.experiments.models.scaled_lan import ScaledLAN
from training.experiments.scores import ACCURACY, Metric
from training.experiments.sequences import Fold, Sequences, complete, split
from training.experiments.signals import Signal, dense_encoder
from training.experiments.study import Budget, Contender, Experiment, Size, Study

ABOUT = """\
Four classes of damped oscillations, sampled at irregular times with noise: two frequencies, two rates of
decay, random phase and amplitude. The decay shows in the values alone, the frequency only in the values
together with their times, so both stand beside the accuracy; guessing is right in half of the cases. The
line to compare with, "LAN, elapsed + time code", is told of time twice: by its horizon, the time from key
to query (from the dot product on, solved exactly, four heads, each with a time scale of its own), and by a
code of the time stamps joined to the features. Every other line changes what it names; a horizon that is no
elapsed time has no time scales either, and softmax attention and mean pooling are other layers behind the
same code. The paper's classification task has no public description that we know; ours is another."""

FINDINGS = """\
What reads the frequency is the code: without it every line is at chance, with it an elapsed horizon adds
nothing that even steps in its place would not give ("time stamps: code only"), though with horizon and start
as published the attention, all but uniform, does not learn to use it. More heads help, one constant tau and
a short window harm."""

STEPS = 24
SEQUENCES = 3000
SPAN_S = 8.0
NOISE = 0.1


def oscillations(rng: np.random.Generator, count: int) -> Sequences:
    """Returns damped oscillations of four classes, values at irregular times within `SPAN_S` seconds."""
    classes = rng.integers(0, 4, count)
    frequency_hz = np.where(classes % 2, 0.45, 0.25)[:, None]
    decay_s = np.where(classes // 2, 6.0, 2.0)[:, None]
    amplitude, phase = rng.uniform(0.8, 1.2, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
    times = np.sort(rng.uniform(0, SPAN_S, (count, STEPS)), axis=1)
    values = amplitude * np.exp(-times / decay_s) * np.sin(2 * np.pi * frequency_hz * times + phase)
    values += NOISE * rng.standard_normal(values.shape)
    return complete(values[..., None], times, classes.astype(np.int32))


def _fold(seed: int) -> Fold:
    rng = np.random.default_rng(seed)
    return split(oscillations(rng, SEQUENCES), rng)


def _right(part: Callable[[np.ndarray], np.ndarray], sequences: Sequences, logits: np.ndarray) -> float:
    """Returns the share of predictions in percent that name the right part of a class."""
    return float(100 * np.mean(part(np.argmax(logits, axis=-1)) == part(sequences.targets)))


METRICS = (
    ACCURACY,
    Metric("frequency right (%)", partial(_right, lambda classes: classes % 2), smaller_is_better=False),
    Metric("decay right (%)", partial(_right, lambda classes: classes // 2), smaller_is_better=False),
)


def _evenly_timed(signal: Signal, size: Size, every_step: bool) -> Any:
    """Takes the steps to be equally far apart."""
    steps = keras.ops.arange(STEPS, dtype="float32") * (SPAN_S / STEPS)
    even = keras.ops.zeros_like(signal.times) + steps
    return lan()(signal._replace(times=even), size, every_step)


def _variant(name: str, **options: Any) -> Contender:
    return Contender(name, timed(lan(**options)))


VARIANTS = (
    LAN_TIMED,
    _variant("heads: 1", num_heads=1),
    _variant("heads: 8", num_heads=8),
    _variant("tau: one constant", layer=ConstantRateLAN),
    _variant("logits: learned scale", layer=ScaledLAN),
    _variant("logits: learned scale from 4", layer=ScaledLAN, logit_scale=4.0),
    _variant("start: zero", initial="zero"),
    _variant("horizon: gate", elapsed=False, initial="dot"),
    _variant("as published (gate, zero)", elapsed=False),
    _variant("as published, learned scale from 4", layer=ScaledLAN, elapsed=False, logit_scale=4.0),
    _variant("solver: Euler, 1 step", mode="euler", euler_steps=1, euler_guard=True),
    _variant("solver: Euler, 5 steps", mode="euler", euler_steps=5, euler_guard=True),
    _variant("solver: Euler, 20 steps", mode="euler", euler_steps=20, euler_guard=True),
    _variant("solver: steady", elapsed=False, mode="steady"),
    _variant("window: 6 steps", window=6),
    _variant("window: 12 steps", window=12),
    _variant("gates: tanh", gate_activation="tanh"),
    _variant("time scale: fixed", learn_time_scale=False),
    Contender("time stamps: horizon only", lan()),
    Contender("time stamps: code only", timed(_evenly_timed)),
    Contender("time stamps: off", _evenly_timed),
    SOFTMAX_TIMED,
    MEAN_TIMED,
)


def experiment(_data: Path | None) -> Experiment:
    """Returns the experiment, which makes its own data."""
    study = Study(
        dataset="damped oscillations",
        protocol="random split",
        fold=_fold,
        contenders=VARIANTS,
        metrics=METRICS,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        outputs=4,
        encode=dense_encoder,
        size=Size(units=32, heads=4, time_scale=SPAN_S / STEPS),
    )
    budget = Budget(epochs=40, batch_size=64, rates=(3e-3, 1e-2, 3e-2), tuning_epochs=10)
    return Experiment(
        "ablation",
        ABOUT,
        (study,),
        budget,
        ((LAN_TIMED.name, (MEAN_TIMED.name, SOFTMAX_TIMED.name)),),
        findings=FINDINGS,
    )
