"""The liquid equation of a pair, whatever its form."""

import math
from typing import Any

import numpy as np
import pytest
from keras import ops

from models import equation, gates
from models.equation import GateWeights, LiquidEquation
from models.queries import Queries
from models.streaming import KeyMemory

B, H, T, S, D, HIDDEN = 2, 3, 4, 5, 6, 7


def liquid(**form: Any) -> LiquidEquation:
    published = {
        "mode": "exact",
        "horizon": "gate",
        "initial": "zero",
        "euler_steps": 5,
        "euler_guard": False,
        "delta_t": 0.5,
        "tau_epsilon": 1e-6,
        "gate_activation": None,
        "hidden_units": 0,
        "dtype": "float64",
    }
    return LiquidEquation(**(published | form))


class Pairs:
    """Random queries and keys of a form, with the affine maps of their pairs."""

    def __init__(self, form: LiquidEquation) -> None:
        random = np.random.default_rng(0)
        self.queries = random.normal(size=(B, H, T, D))
        self.keys = random.normal(size=(B, H, S, D))
        self.kernel, self.bias = random.normal(size=(2 * D, form.terms)), random.normal(size=form.terms)
        self.outputs = random.normal(size=(form.hidden_units, 2)), random.normal(size=2)
        self.times = np.cumsum(random.exponential(size=(B, S)), axis=1)
        pair = gates.Affine(ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.bias))
        of_hidden = gates.Affine(*map(ops.convert_to_tensor, self.outputs)) if form.hidden_units else ()
        self.weights = GateWeights(pair, of_hidden, ops.convert_to_tensor(np.float64(3.0)))

    def units(self) -> np.ndarray:
        """Returns the affine maps of each pair, written down pair by pair, `(B, H, T, S, G)`."""
        shape = (B, H, T, S, D)
        queries = np.broadcast_to(self.queries[:, :, :, None], shape)
        keys = np.broadcast_to(self.keys[:, :, None], shape)
        return np.concatenate([queries, keys], axis=-1) @ self.kernel + self.bias

    def asked(self, with_times: bool) -> tuple[Queries, KeyMemory]:
        queries, keys = ops.convert_to_tensor(self.queries), ops.convert_to_tensor(self.keys)
        times = self.times if with_times else None
        return (
            Queries(queries, gates.query_terms(queries, self.weights.pair), self.times[:, -T:]),
            KeyMemory(
                ops.swapaxes(keys, -1, -2), keys, gates.key_terms(keys, self.weights.pair), times, None
            ),
        )


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


@pytest.mark.parametrize("initial", equation.INITIALS)
@pytest.mark.parametrize("horizon", equation.HORIZONS)
@pytest.mark.parametrize("hidden_units", [0, HIDDEN])
def test_the_solution_solves_the_equation_of_each_pair(horizon, initial, hidden_units):
    form = liquid(
        horizon=horizon,
        initial=initial,
        hidden_units=hidden_units,
        gate_activation=ops.tanh if hidden_units else None,
    )
    pairs = Pairs(form)
    solution = form.solve(*pairs.asked(with_times=True), pairs.weights, None)

    units = pairs.units()
    times = units[..., hidden_units or 2 :]
    if hidden_units:
        kernel, bias = pairs.outputs
        units = np.tanh(units[..., :hidden_units]) @ kernel + bias
    phi, tau = sigmoid(units[..., 0]), np.log1p(np.exp(units[..., 1])) + form.tau_epsilon
    ages = pairs.times[:, -T:, None] - pairs.times[:, None, :]
    if horizon == "elapsed":
        read_at = 3.0 * np.maximum(ages, 0.0)[:, None]
    else:
        read_at = sigmoid(times[..., 0] * pairs.times[:, None, None, :] + times[..., 1])
    start = pairs.queries @ np.swapaxes(pairs.keys, -1, -2) / math.sqrt(D) if initial == "dot" else 0.0
    decay = np.exp(-tau * read_at)
    np.testing.assert_allclose(solution.phi, phi, rtol=1e-5)
    np.testing.assert_allclose(solution.tau, tau, rtol=1e-5)
    np.testing.assert_allclose(*np.broadcast_arrays(solution.horizon, read_at), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(solution.logits, start * decay + phi / tau * (1 - decay), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("horizon", equation.HORIZONS)
def test_the_steady_solution_reads_no_time(horizon):
    form = liquid(mode="steady", horizon=horizon, initial="dot")
    reads = form.reads_elapsed_time, form.reads_gated_time, form.reads_dot_products
    assert not any(reads)
    pairs = Pairs(form)
    solution = form.solve(*pairs.asked(with_times=False), pairs.weights, None)
    assert solution.horizon is None
    np.testing.assert_allclose(solution.logits, solution.phi / solution.tau, rtol=1e-5)


def test_many_euler_steps_approach_the_exact_solution():
    exact, euler = (liquid(horizon="elapsed", mode=mode, euler_steps=2_000) for mode in ("exact", "euler"))
    pairs = Pairs(exact)
    asked = pairs.asked(with_times=True)
    found = euler.solve(*asked, pairs.weights, None).logits
    np.testing.assert_allclose(found, exact.solve(*asked, pairs.weights, None).logits, rtol=2e-2, atol=1e-3)


def test_an_euler_step_leaves_out_the_age_of_a_masked_key():
    form = liquid(mode="euler", horizon="elapsed", euler_steps=50)
    pairs = Pairs(form)
    pairs.times[:, 0] = -1e30
    mask = np.arange(S) > 0
    assert np.isfinite(form.solve(*pairs.asked(with_times=True), pairs.weights, mask).logits).all()
    assert not np.isfinite(form.solve(*pairs.asked(with_times=True), pairs.weights, None).logits).all()
