"""The published Liquid Attention layer, written down pair by pair.

It evaluates every gate on the concatenation ``[q_i; k_j]`` of every pair, which takes O(T^2 D) memory. The
fast layer is tested and measured against it. The sub-layers have the same names and order, so `set_weights`
carries over.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any


class PairwiseLAN(keras.layers.Layer):
    """The published layer for one input `(B, T, features)`, without dropout.

    Args:
        d_model: Features of the projections and of the output.
        num_heads: The number of heads.
        mode: `"exact"`, `"euler"` or `"steady"`.
        euler_steps: The number of Euler steps.
        phi_hidden: Hidden units of the phi gate.
        tau_epsilon: A floor for tau.
        delta_t: The Euler step.
        use_bias: Whether projections and hidden gate layers have a bias.
        gate_activation: Activation of the gates' hidden layers, None as published.
        **kwargs: See `keras.layers.Layer`.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        mode: str = "exact",
        euler_steps: int = 5,
        phi_hidden: int = 64,
        tau_epsilon: float = 1e-6,
        delta_t: float = 0.5,
        use_bias: bool = True,
        gate_activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)

        def dense(units: int, use_bias: bool = use_bias, activation: Any = None) -> keras.layers.Dense:
            return keras.layers.Dense(units, activation, use_bias, dtype=self.dtype_policy)

        self.num_heads = num_heads
        self.head_dim = d_model // num_heads
        self.mode = mode
        self.euler_steps = euler_steps
        self.tau_epsilon = tau_epsilon
        self.delta_t = delta_t
        self.q_dense = dense(d_model)
        self.k_dense = dense(d_model)
        self.v_dense = dense(d_model)
        self.out_dense = dense(d_model)
        self.phi_in = dense(phi_hidden, activation=gate_activation)
        self.phi_out = dense(1, use_bias=True)
        self.tau_in = dense(phi_hidden // 2, activation=gate_activation)
        self.tau_out = dense(1)
        self.time_a = dense(1, use_bias=True)
        self.time_b = dense(1, use_bias=True)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights in the order of the fast layer."""
        for layer in (self.q_dense, self.k_dense, self.v_dense):
            layer.build(input_shape)
        pair = (None, 2 * self.head_dim)
        self.out_dense.build((None, self.num_heads * self.head_dim))
        self.phi_in.build(pair)
        self.phi_out.build((None, self.phi_in.units))
        self.tau_in.build(pair)
        self.tau_out.build((None, self.tau_in.units))
        self.time_a.build(pair)
        self.time_b.build(pair)

    def call(self, x: Tensor, t: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return all time steps `(B, T, d_model)` and the attention weights `(B, H, T, T)`."""
        batch, length, _ = ops.shape(x)
        q, k, v = (self._heads(layer(x)) for layer in (self.q_dense, self.k_dense, self.v_dense))
        shape = (batch, self.num_heads, length, length, self.head_dim)
        pair = ops.concatenate(
            [ops.broadcast_to(q[:, :, :, None], shape), ops.broadcast_to(k[:, :, None], shape)], axis=-1
        )
        weights = ops.softmax(self._logits(pair, t), axis=-1)
        heads = ops.swapaxes(ops.matmul(weights, v), 1, 2)
        return self.out_dense(ops.reshape(heads, (batch, length, -1))), weights

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, _ = ops.shape(x)
        return ops.swapaxes(ops.reshape(x, (batch, length, self.num_heads, self.head_dim)), 1, 2)

    def _logits(self, pair: Tensor, t: float) -> Tensor:
        phi = ops.sigmoid(self.phi_out(self.phi_in(pair)))[..., 0]
        tau = ops.softplus(self.tau_out(self.tau_in(pair)))[..., 0] + self.tau_epsilon
        if self.mode == "steady":
            return phi / tau
        if self.mode == "exact":
            h = ops.sigmoid(self.time_a(pair) * t + self.time_b(pair))[..., 0]
            return phi / tau * (1.0 - ops.exp(-tau * h))
        logits = ops.zeros_like(phi)
        for _ in range(self.euler_steps):
            logits = logits + self.delta_t * (phi - tau * logits)
        return logits
