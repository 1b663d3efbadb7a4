"""The speed of the Liquid Attention layer (64 features, 4 heads, float32).

Contestants: Keras' `MultiHeadAttention` of the same size (`vs_mha`, our time divided by its time), the
published layer written down pair by pair (`vs_pairwise`, its time divided by ours) and the layer that its
authors publish today as `keras-nac` (`vs_keras_nac`, likewise) with its own defaults, by which a query
attends no more than its eight best keys. The published form is not measured where its pairs take gigabytes;
`memory` has one such case. `full` returns all time steps, `last` only
the newest; the last step is compared with all steps of the others, since they compute all of them, and in
`vs_mha_last` with a single query of `MultiHeadAttention`. `backward` is the forward pass with all gradients.
`profile` is where the time of one compiled pass goes: its two stages, each compiled alone, so that their
shares need not add up to 100 %.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import keras_nac.layers
import numpy as np
import tensorflow as tf

from benchmarks.pairwise import PairwiseLAN
from benchmarks.timing import NETWORKS, Round, Row, alternate, median_row, ratio_row
from models import factorised
from models.lan import LAN

PACKAGES = (*NETWORKS, "keras-nac")
LENGTHS = (1, 16, 64, 256, 512, 1024, 2048, 4096)
FEATURES = 64
HEADS = 4
SECONDS = 1.0
MOST_PAIRS = 2**25
"""Queries times keys times samples, each four heads' floats: 0.54 GB for one of a dozen arrays of pairs."""
MOST_PAIRWISE_PAIRS = 2**20
"""The pairwise form keeps a hundred times as much for each pair."""


class Case(NamedTuple):
    """One comparison."""

    length: int
    batch: int
    jit: bool
    last: bool = False
    backward: bool = False

    @property
    def prefix(self) -> str:
        """The first part of the metrics' names."""
        scope, compiler = "last" if self.last else "full", "jit" if self.jit else "graph"
        name = f"layer.{scope}.{compiler}.T{self.length}.B{self.batch}"
        return f"{name}.backward" if self.backward else name

    @property
    def pairs(self) -> int:
        """Number of queries times keys times samples."""
        return self.batch * self.length**2


def run() -> list[Row]:
    """Return the ratios of running times, and where the time of one pass goes."""
    warnings.filterwarnings("ignore", message=".*(attends a single key|softmax over axis)")
    rows = [row for case in _cases() for row in _compare(case)]
    return rows + _profile(512) + _profile(4096)


def _cases() -> Iterator[Case]:
    for length in LENGTHS:
        for jit in (False, True):
            for batch in (1, 32):
                for backward in (False, True):
                    case = Case(length, batch, jit, backward=backward)
                    if case.pairs <= MOST_PAIRS:
                        yield case
            yield Case(length, 1, jit, last=True)


def _compare(case: Case) -> list[Row]:
    x = tf.constant(np.random.default_rng(0).normal(size=(case.batch, case.length, FEATURES)), tf.float32)
    functions = {name: _compile(f, layer, x, case) for name, (layer, f) in _contestants(case).items()}
    rounds = alternate(functions, SECONDS)
    rows = []
    for name, against in (("mha", "MultiHeadAttention"), ("mha_last", "MultiHeadAttention, one query")):
        if name in functions:
            rows.append(_ratio(case, rounds, name, "lan", name, against))
    for name, against in (("pairwise", "published, pair by pair"), ("keras_nac", "keras-nac's LAN")):
        if name in functions:
            rows.append(_ratio(case, rounds, name, name, "lan", against))
    return rows


def _ratio(case: Case, rounds: list[Round], rival: str, over: str, under: str, against: str) -> Row:
    asked = _asked(case).get(rival, "")
    return ratio_row(f"{case.prefix}.vs_{rival}", rounds, over, under, against, asked)


def _asked(case: Case) -> dict[str, str]:
    pairwise = ">= 1"
    if case.length == 512 and not case.backward and case.batch == 1:
        pairwise = ">= 150" if case.last else ">= 12"
    if case.length == 1024 and case.last:
        pairwise = ">= 300"
    asked = {"pairwise": pairwise, "keras_nac": ">= 1"}
    if case.last and case.length >= 1024:
        asked["mha"] = "<= 0.1"
    if not case.last and case.jit and case.length >= 256 and not case.backward:
        asked["mha"] = "<= 1.6 (goal 1.2)"
    return asked


def _contestants(case: Case) -> dict[str, tuple[keras.layers.Layer, Callable[[Any], Any]]]:
    lan = LAN(FEATURES, HEADS, return_sequences=not case.last)
    mha = keras.layers.MultiHeadAttention(HEADS, FEATURES // HEADS)
    nac = keras_nac.layers.LAN(FEATURES, HEADS, return_sequences=not case.last)
    contestants = {"lan": (lan, lan), "mha": (mha, lambda x: mha(x, x)), "keras_nac": (nac, nac)}
    if case.last:
        contestants["mha_last"] = (mha, lambda x: mha(x[:, -1:], x))
    if case.pairs <= MOST_PAIRWISE_PAIRS:
        pairwise = PairwiseLAN(FEATURES, HEADS)
        contestants["pairwise"] = (
            pairwise,
            lambda x: pairwise(x)[0][:, -1] if case.last else pairwise(x)[0],
        )
    return contestants


def _compile(
    function: Callable[[Any], Any], layer: keras.layers.Layer, x: tf.Tensor, case: Case
) -> Callable[[], Any]:
    function(x[:1, :1])

    def gradients(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(function(x) ** 2)
        return tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])

    compiled = tf.function(
        gradients if case.backward else function, jit_compile=case.jit, autograph=False
    ).get_concrete_function(x)
    compiled(x)
    return lambda: compiled(x)


def _profile(length: int) -> list[Row]:
    """Return the shares of the two stages of one compiled pass, each compiled alone."""
    lan = LAN(FEATURES, HEADS, return_sequences=True)
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(1, length, FEATURES)), tf.float32)
    values = tf.constant(random.normal(size=(1, HEADS, length, FEATURES // HEADS)), tf.float32)
    lan(x)
    shares = tf.constant(random.normal(size=(3, 1, HEADS, length, 1)), tf.float32)
    queries = factorised.Shares(*tf.unstack(shares))
    keys = factorised.Shares(*tf.unstack(tf.linalg.matrix_transpose(shares)))
    stages = {
        "layer": (lan, (x,)),
        "projections": (
            lambda x: [d(x) for d in (lan.q_dense, lan.k_dense, lan.v_dense, lan.out_dense)],
            (x,),
        ),
        "attention": (
            lambda u, v, values: factorised.attend(u, v, 1e-6, values),
            (queries, keys, values),
        ),
    }
    compiled = {}
    for name, (function, arguments) in stages.items():
        stage = tf.function(function, jit_compile=True, autograph=False)
        stage(*arguments)
        compiled[name] = lambda stage=stage, arguments=arguments: stage(*arguments)
    rounds = alternate(compiled, SECONDS)
    return [
        _share(f"layer.profile.jit.T{length}.{name}", rounds, name) for name in ("attention", "projections")
    ]


def _share(metric: str, rounds: list[Round], name: str) -> Row:
    return median_row(
        metric, [100 * times[name] / times["layer"] for times in rounds], "%", "the whole layer"
    )
