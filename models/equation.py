"""The liquid equation of each query-key pair: its gates, its horizon and its solution, the logit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras import ops

from models import factorised, gates, horizons, solvers
from models.queries import Queries
from models.streaming import KeyMemory

Tensor = Any

MODES = ("exact", "euler", "steady")
HORIZONS = ("gate", "elapsed")
INITIALS = ("zero", "dot")


class GateWeights(NamedTuple):
    """The gates' weights as tensors: what the logits are a function of besides queries and keys.

    Attributes:
        pair: The map from `[q; k]` to `[phi, tau]` or to their hidden units, then `[time_a, time_b]`.
        outputs: The `Affine` from the hidden units to `[phi, tau]`, or () without a gate activation.
        rate: Units of time per second, `(H, 1, 1)` or scalar.
    """

    pair: gates.Affine
    outputs: Any
    rate: Tensor


class Solution(NamedTuple):
    """The equation of every pair and its solution, each `(B, H, T, S)` or what broadcasts to it.

    Attributes:
        phi: The content target, in (0, 1).
        tau: The liquid rate, per unit of time.
        horizon: The time at which the logit is read, in units of time; None where the mode reads none.
        logits: The logits before masking.
    """

    phi: Tensor
    tau: Tensor
    horizon: Tensor | None
    logits: Tensor


@dataclass(frozen=True, slots=True)
class LiquidEquation:
    """``da/dt = -tau a + phi`` with gates of the pair, in one of its forms.

    Attributes:
        mode, horizon, initial, euler_steps, euler_guard, delta_t, tau_epsilon: As in `models.lan.LAN`.
        gate_activation: Activation of the gates' hidden units; None where the gates are affine in the pair.
        hidden_units: The number of these units of phi and tau together, 0 without an activation.
        dtype: The type of gates and logits.
    """

    mode: str
    horizon: str
    initial: str
    euler_steps: int
    euler_guard: bool
    delta_t: float
    tau_epsilon: float
    gate_activation: Callable[[Tensor], Tensor] | None
    hidden_units: int
    dtype: str

    @property
    def reads_elapsed_time(self) -> bool:
        """Whether the time from key to query matters."""
        return self.horizon == "elapsed" and self.mode != "steady"

    @property
    def reads_gated_time(self) -> bool:
        """Whether the gates `time_a` and `time_b` matter."""
        return self.horizon == "gate" and self.mode == "exact"

    @property
    def reads_dot_products(self) -> bool:
        """Whether keys matter beyond their share of the gates."""
        return self.initial == "dot" and self.mode != "steady"

    @property
    def terms(self) -> int:
        """The number of units of which queries and keys have shares."""
        return (self.hidden_units or 2) + (2 if self.reads_gated_time else 0)

    def solve(
        self, queries: Queries, memory: KeyMemory, weights: GateWeights, mask: Tensor | None
    ) -> Solution:
        """Return gates, horizons and logits of all pairs, of which those that `mask` excludes may be any."""
        phi, tau, horizon = self._gates(queries, memory, weights)
        if self.mode == "steady":
            return Solution(phi, tau, horizon, solvers.steady(phi, tau))
        initial = self._dot_products(queries, memory) if self.reads_dot_products else None
        if self.mode == "exact":
            return Solution(phi, tau, horizon, solvers.exact(phi, tau, horizon, initial))
        step = self._euler_step(horizon, mask)
        logits = solvers.euler(phi, tau, step, self.euler_steps, initial, self.euler_guard)
        return Solution(phi, tau, horizon, logits)

    def factorises(self, queries: Queries, memory: KeyMemory) -> bool:
        """Return whether `factorised` applies, and many pairs share the exponentials that it spares."""
        published = self.reads_gated_time and self.initial == "zero" and self.gate_activation is None
        time_is_shared = memory.times is None or memory.times.shape[1] == 1
        length, keys = queries.queries.shape[2], memory.terms.shape[3]
        many = length != 1 and (None in (length, keys) or length * keys >= factorised.MANY_PAIRS)
        return published and time_is_shared and many

    def shares(self, queries: Queries, memory: KeyMemory) -> tuple[factorised.Shares, factorised.Shares]:
        """Return the shares of queries and of keys in the gates, where the equation factorises."""
        phi, tau, a, b = self._affine_units(queries, memory)
        horizon = [_times_factor(x, memory) + y for x, y in zip(a, b, strict=True)]
        of_queries, of_keys = (factorised.Shares(*each) for each in zip(phi, tau, horizon, strict=True))
        return of_queries, of_keys

    def _gates(
        self, queries: Queries, memory: KeyMemory, weights: GateWeights
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return phi, tau and horizon (None where the mode reads none) of every pair."""
        sums = [query + key for query, key in self._affine_units(queries, memory)]
        if self.gate_activation is None:
            phi, tau, *sums = sums
        else:
            end = self.hidden_units
            hidden = self.gate_activation(
                gates.hidden_pair_sums(queries.terms[..., :end], memory.terms[..., :end, :])
            )
            outputs = gates.apply(hidden, weights.outputs)
            phi, tau = outputs[..., 0], outputs[..., 1]
        horizon = self._horizon(queries, memory, weights, sums)
        return ops.sigmoid(phi), ops.softplus(tau) + self.tau_epsilon, horizon

    def _affine_units(self, queries: Queries, memory: KeyMemory) -> list[tuple[Tensor, Tensor]]:
        """Return the shares of the units that are affine in the pair: phi, tau, time_a, time_b as present."""
        hidden = self.hidden_units
        if not hidden:
            return gates.units(queries.terms, memory.terms)
        if not self.reads_gated_time:
            return []
        return gates.units(queries.terms[..., hidden:], memory.terms[..., hidden:, :])

    def _horizon(
        self, queries: Queries, memory: KeyMemory, weights: GateWeights, sums: list[Tensor]
    ) -> Tensor | None:
        """Return the horizon of every pair in units of time, given the sums of time_a and time_b."""
        if self.reads_elapsed_time:
            return horizons.elapsed(queries.times, memory.times, self.dtype) * weights.rate
        if self.reads_gated_time:
            a, b = sums
            return ops.sigmoid(_times_factor(a, memory) + b)
        return None

    def _dot_products(self, queries: Queries, memory: KeyMemory) -> Tensor:
        scaled = ops.cast(queries.queries, self.dtype) / math.sqrt(queries.queries.shape[-1])
        return ops.matmul(scaled, ops.cast(memory.keys, self.dtype))

    def _euler_step(self, horizon: Tensor | None, mask: Tensor | None) -> Tensor:
        if horizon is None:
            return self.delta_t
        step = horizon / self.euler_steps
        if self.euler_guard or mask is None:
            return step
        # A masked key may be so old that its logit overflows; its gradient would be 0 times infinity.
        return ops.where(mask, step, 0.0)


def _times_factor(x: Tensor, memory: KeyMemory) -> Tensor:
    """Return `x` times the factor t of the gated horizon."""
    if memory.times is None:
        return x
    return x * ops.cast(memory.times, x.dtype)[:, None, None, :]
