"""What each part of the liquid attention is worth, on classes that differ in time alone."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.experiments.models.attention import LAN_ELAPSED, MEAN, SOFTMAX, lan, timed
from training.experiments.models.constant_rate import ConstantRateLAN
from training.experiments.models.scaled_lan import ScaledLAN
from training.experiments.scores import ACCURACY
from training.experiments.sequences import Fold, Sequences, complete, split
from training.experiments.signals import Signal, dense_encoder
from training.experiments.study import Budget, Contender, Experiment, Size, Study

ABOUT = """\
Four classes of damped oscillations, sampled at irregular times with noise: two frequencies, two rates of
decay, random phase and amplitude. What separates them is when a value was measured, so a layer that
ignores time stamps has little to go on. Every line changes one thing about "LAN, elapsed" (the horizon is
the elapsed time, the start a dot product, the solution exact, four heads, every head with a time scale of
its own). The paper's classification task has no public description that we know; this one is ours."""

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


def _without_times(signal: Signal, size: Size, every_step: bool) -> Any:
    """Reads the order of the steps as if they were equally far apart."""
    steps = keras.ops.arange(STEPS, dtype="float32") * (SPAN_S / STEPS)
    even = keras.ops.zeros_like(signal.times) + steps
    return lan()(signal._replace(times=even), size, every_step)


VARIANTS = (
    LAN_ELAPSED,
    Contender("heads: 1", lan(num_heads=1)),
    Contender("heads: 8", lan(num_heads=8)),
    Contender("tau: one constant", lan(layer=ConstantRateLAN)),
    Contender("logits: learned scale", lan(layer=ScaledLAN)),
    Contender("logits: learned scale from 4", lan(layer=ScaledLAN, logit_scale=4.0)),
    Contender("start: zero", lan(initial="zero")),
    Contender("horizon: gate", lan(elapsed=False, initial="dot")),
    Contender("as published (gate, zero)", lan(elapsed=False)),
    Contender("as published, learned scale from 4", lan(layer=ScaledLAN, elapsed=False, logit_scale=4.0)),
    Contender("solver: Euler, 1 step", lan(mode="euler", euler_steps=1, euler_guard=True)),
    Contender("solver: Euler, 5 steps", lan(mode="euler", euler_steps=5, euler_guard=True)),
    Contender("solver: Euler, 20 steps", lan(mode="euler", euler_steps=20, euler_guard=True)),
    Contender("solver: steady", lan(elapsed=False, mode="steady")),
    Contender("window: 6 steps", lan(window=6)),
    Contender("window: 12 steps", lan(window=12)),
    Contender("gates: tanh", lan(gate_activation="tanh")),
    Contender("time scale: fixed", lan(learn_time_scale=False)),
    Contender("time stamps: off", _without_times),
    Contender("time stamps: also as features", timed(lan())),
    SOFTMAX,
    MEAN,
)


def experiment(_data: Path | None) -> Experiment:
    """Returns the experiment, which makes its own data."""
    study = Study(
        dataset="damped oscillations",
        protocol="random split",
        fold=_fold,
        contenders=VARIANTS,
        metrics=(ACCURACY,),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        outputs=4,
        encode=dense_encoder,
        size=Size(units=32, heads=4, time_scale=SPAN_S / STEPS),
    )
    budget = Budget(epochs=40, batch_size=64, rates=(3e-3, 1e-2), tuning_epochs=10)
    return Experiment("ablation", ABOUT, (study,), budget, ((LAN_ELAPSED.name, (MEAN.name, SOFTMAX.name)),))
