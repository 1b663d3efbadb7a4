"""Closed-form solutions of the liquid logit's differential equation.

A logit ``a`` obeys ``da/dt = -tau a + phi`` with gates that are constant along ``t``. All functions work
elementwise on tensors that broadcast; a missing ``initial`` stands for ``a(0) = 0``.
"""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any


def exact(phi: Tensor, tau: Tensor, horizon: Tensor, initial: Tensor | None = None) -> Tensor:
    """Solve the equation exactly: ``a(h) = a(0) e^(-tau h) + (phi / tau) (1 - e^(-tau h))``.

    Args:
        phi: The content target, any real number.
        tau: The liquid rate, positive, per unit of time.
        horizon: The time `h >= 0` at which the logit is read.
        initial: The logit at time zero.

    Returns:
        The logit at `horizon`.
    """
    # 1 - exp(-x) = 2 tanh(x/2) / (1 + tanh(x/2)) keeps the digits that the left side loses to cancellation
    # where x = tau h is small, and is half as expensive as expm1.
    half = ops.tanh(0.5 * (tau * horizon))
    approach = 2.0 * half / (1.0 + half)
    logit = phi / tau * approach
    return logit if initial is None else logit + initial * (1.0 - approach)


def steady(phi: Tensor, tau: Tensor) -> Tensor:
    """Return the limit ``phi / tau`` that every solution reaches after infinite time.

    Args:
        phi: The content target, any real number.
        tau: The liquid rate, positive, per unit of time.

    Returns:
        The limit of the logit.
    """
    return phi / tau


def euler(
    phi: Tensor,
    tau: Tensor,
    step: Tensor,
    steps: int,
    initial: Tensor | None = None,
    guarded: bool = False,
) -> Tensor:
    """Take `steps` explicit Euler steps ``a <- a + dt (phi - tau a)``.

    One step is the affine map ``a -> r a + s`` with ``r = 1 - dt tau`` and ``s = dt phi``, and two equal maps
    in a row are again one, ``(r, s) -> (r r, s + r s)``. Binary powers therefore reach `steps` in about
    log2(steps) operations.

    Args:
        phi: The content target, any real number.
        tau: The liquid rate, positive, per unit of time.
        step: The step size `dt >= 0` in units of time.
        steps: How many steps to take, at least 1.
        initial: The logit at time zero.
        guarded: Whether to shorten each pair's step to at most ``1 / tau``. Unguarded steps oscillate for
            ``dt tau > 1`` and diverge for ``dt tau > 2``.

    Returns:
        The logit after `steps` steps.
    """
    if guarded:
        step = ops.minimum(step, 1.0 / tau)
    retained, gained = 1.0 - step * tau, step * phi
    logit = 0.0 if initial is None else initial
    while steps:
        if steps % 2:
            logit = retained * logit + gained
        steps //= 2
        if steps:
            retained, gained = retained * retained, gained + retained * gained
    return logit
