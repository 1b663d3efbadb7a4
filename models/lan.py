"""The Liquid Attention Network layer.

The logit of a query and a key is no dot product but the state of a linear differential equation whose content
target and rate depend on both, read at a time that may be the real time passed between them.
"""

from __future__ import annotations

import math
import warnings
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from models import call_inputs, equation, factorised, gates, horizons, masking, streaming
from models.compiling import compiled
from models.equation import GateWeights, LiquidEquation, Solution
from models.queries import Queries, attend_in_chunks

Tensor = Any

KEYS_TO_COMPILE = 256
"""From this number on a compiled evaluation of one query saves more than its call costs."""


class Inspection(NamedTuple):
    """What happened between every query and every key, each `(B, H, T, S)`.

    Attributes:
        phi: The content target, in (0, 1).
        tau: The liquid rate, per unit of time.
        horizon: The time at which the logit is read, in units of time; None where the mode reads none.
        logits: The logits before masking.
        weights: The attention weights.
    """

    phi: Tensor
    tau: Tensor
    horizon: Tensor | None
    logits: Tensor
    weights: Tensor


@keras.saving.register_keras_serializable(package="liquid_drive")
class LAN(keras.layers.Layer):
    """Multi-head attention whose logits are states of a liquid differential equation.

    For a query `i` and a key `j` of one head the logit obeys ``da/dt = -tau_ij a + phi_ij``, starts at
    ``a(0)`` and is read at the horizon ``h_ij``. With the pair ``u = [q_i; k_j]``,

        phi = sigmoid(phi_out(phi_in(u)))
        tau = softplus(tau_out(tau_in(u))) + tau_epsilon

    A softmax over the keys, the weighted sum of the values and an output projection follow as in scaled
    dot-product attention. The defaults are the published layer; `horizon="elapsed"` with `initial="dot"` is
    what real-time control wants: a fresh key has the logit of scaled dot-product attention, which relaxes to
    ``phi / tau`` as the key ages.

    Gradients of gradients of the published layer are computed, from 64 steps on that are all returned,
    eagerly and in graphs inside `liquid_attention.uncompiled()`: not under `jit_compile`, with `query_chunk`,
    or of 1024 steps and more.

    Args:
        d_model: Features of the projections and of the output, a multiple of `num_heads`.
        num_heads: The number of heads. All heads share the gates' weights.
        mode: How the equation is solved: `"exact"`, `"euler"` (`euler_steps` explicit steps) or `"steady"`
            (its limit ``phi / tau``).
        euler_steps: The number of Euler steps.
        activation: Activation of the output.
        phi_hidden: Hidden units of the phi gate; the tau gate has half as many.
        tau_epsilon: A floor for tau, per unit of time. The steady mode is ill-conditioned at the published
            floor.
        delta_t: The Euler step under `horizon="gate"`, in units of time.
        dropout: Dropout rate of the attention weights.
        use_bias: Whether projections and hidden gate layers have a bias.
        return_attention: Whether to return `(output, weights)`, the weights of all queries.
        return_sequences: Whether to return all time steps instead of the last one. Only the queries that are
            returned are evaluated, so that the last step alone costs O(T). It is the query even where it is
            masked: pad on the left.
        horizon: When logits are read. `"gate"`: at ``sigmoid(time_a(u) t + time_b(u))`` in exact mode, at
            ``euler_steps * delta_t`` in Euler mode. `"elapsed"`: at the time from key to query,
            ``max(t_i - t_j, 0) / time_scale``; Euler mode divides it into `euler_steps` steps.
        initial: Where logits start: `"zero"`, or `"dot"` for ``q_i . k_j / sqrt(D)``.
        gate_activation: Activation of the gates' hidden layers. Without one the gates are affine in the pair
            and factorise, which spares a factor of `phi_hidden` in memory.
        euler_guard: Whether to shorten a pair's Euler step to ``1 / tau``, where it would oscillate or
            diverge.
        time_scale: Seconds per unit of time under `horizon="elapsed"`. A new layer has ``tau`` close to ``ln
            2``, so this is about the half-life that a key's initial logit has before training, in seconds.
        learn_time_scale: Whether every head learns its own time scale, starting from `time_scale`.
        window: The number of newest positions, its own included, that a query may attend; implies a causal
            mask. `step` with the state of `initial_state` computes the same, one position after the other.
        query_chunk: Evaluate this many queries at a time and recompute them in the backward pass, so that
            memory grows with `query_chunk * S` instead of `T * S`. Not together with `dropout`, whose mask a
            recomputation would draw anew, nor with a `gate_activation` that is a layer.
        **kwargs: Name, dtype and the like, see `keras.layers.Layer`.

    Call arguments:
        inputs: One of `x`, `(x, t)`, `(query, key, value)` and `(query, key, value, t)`, features of shape
            `(B, T, features)`; keys and values may have another number `S` of steps than queries. Under
            `horizon="gate"`, `t` is a factor, 1 if absent: a scalar, one a sample `(B,)`, one a key `(1, S)`
            or `(B, S)`. Under `horizon="elapsed"` it holds time stamps in seconds, `(B, T)` or `(T,)`, and
            queries and keys are the same steps. Differences are taken in the time stamps' own type, so Unix
            times keep their precision as float64. Where Keras casts to float32 before this layer sees them (a
            `keras.Input` of float32, the default; NumPy arrays in `fit` and `predict`; calls of a subclassed
            `keras.Model`; everything under JAX without `jax_enable_x64`), subtract each sequence's last time
            stamp before: a shift of all time stamps changes nothing.
        mask: Which keys are no padding, `(B, S)`; or a tuple with the masks of all inputs, as Keras passes
            it.
        attention_mask: Which key a query may attend, `(T, S)`, `(B, T, S)` or `(B, H, T, S)`. What no query
            may attend must be finite all the same.
        use_causal_mask: Whether a query may attend no later key than its own position.
        training: Whether to apply dropout.

    Returns:
        `(B, d_model)`, or `(B, T, d_model)` with `return_sequences`. With `return_attention` also the weights
        `(B, H, T, S)`. A query without any admitted key attends nothing: its weights and joined heads are
        zero.

    Raises:
        ValueError: If an argument or the number, rank or length of the inputs does not fit.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        mode: str = "exact",
        euler_steps: int = 5,
        activation: Any = None,
        phi_hidden: int = 64,
        tau_epsilon: float = 1e-6,
        delta_t: float = 0.5,
        dropout: float = 0.0,
        use_bias: bool = True,
        return_attention: bool = False,
        return_sequences: bool = False,
        *,
        horizon: str = "gate",
        initial: str = "zero",
        gate_activation: Any = None,
        euler_guard: bool = False,
        time_scale: float = 1.0,
        learn_time_scale: bool = False,
        window: int | None = None,
        query_chunk: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Casting inputs on entry would round time stamps; the projections cast the features themselves.
        super().__init__(autocast=False, **kwargs)
        _check_choice("mode", mode, equation.MODES)
        _check_choice("horizon", horizon, equation.HORIZONS)
        _check_choice("initial", initial, equation.INITIALS)
        d_model, num_heads = _count("d_model", d_model), _count("num_heads", num_heads)
        _check_positive(tau_epsilon=tau_epsilon, delta_t=delta_t, time_scale=time_scale)
        if d_model % num_heads:
            raise ValueError(
                f"d_model must be a multiple of num_heads. Received: d_model={d_model}, num_heads={num_heads}"
            )
        if horizon != "elapsed" and (time_scale != 1.0 or learn_time_scale):
            raise ValueError(
                "A time scale needs real time, horizon='elapsed'. "
                f"Received: horizon={horizon!r}, time_scale={time_scale}, learn_time_scale={learn_time_scale}"
            )
        if query_chunk and dropout:
            raise ValueError(
                "query_chunk recomputes the weights in the backward pass, where dropout would draw anew. "
                f"Received: query_chunk={query_chunk}, dropout={dropout}"
            )
        if query_chunk and isinstance(gate_activation, keras.layers.Layer):
            raise ValueError(
                "query_chunk recomputes the gates in the backward pass, which leaves the weights of a layer "
                f"without gradient. Received: query_chunk={query_chunk}, gate_activation={gate_activation!r}"
            )
        self.d_model = d_model
        self.num_heads = num_heads
        self.head_dim = d_model // num_heads
        self.mode = mode
        self.euler_steps = _count("euler_steps", euler_steps)
        self.activation = keras.activations.get(activation)
        self.phi_hidden = _count("phi_hidden", phi_hidden)
        self.tau_epsilon = float(tau_epsilon)
        self.delta_t = delta_t
        self.dropout = dropout
        self.use_bias = use_bias
        self.return_attention = return_attention
        self.return_sequences = return_sequences
        self.horizon = horizon
        self.initial = initial
        self.gate_activation = None if gate_activation is None else keras.activations.get(gate_activation)
        self.euler_guard = euler_guard
        self.time_scale = time_scale
        self.learn_time_scale = learn_time_scale
        self.window = None if window is None else _count("window", window)
        self.query_chunk = None if query_chunk is None else _count("query_chunk", query_chunk)
        self.supports_masking = True
        self._warned_of_single_key = False
        # Gates and softmax need more digits than half precision has.
        self._gate_dtype = keras.backend.result_type(self.compute_dtype, "float32")
        self._create_sublayers()

    def _create_sublayers(self) -> None:
        def projection(name: str) -> keras.layers.Dense:
            return keras.layers.Dense(
                self.d_model, use_bias=self.use_bias, dtype=self.dtype_policy, name=name
            )

        def gate(units: int, name: str, use_bias: bool = True) -> gates.GateDense:
            return gates.GateDense(units, use_bias=use_bias, dtype=self._gate_dtype, name=name)

        # Weight files find the sub-layers by these attribute names.
        self.q_dense = projection("q_dense")
        self.k_dense = projection("k_dense")
        self.v_dense = projection("v_dense")
        self.out_dense = projection("out_dense")
        self.phi_in = gate(self.phi_hidden, "phi_in", self.use_bias)
        self.phi_out = gate(1, "phi_out")
        self.tau_in = gate(max(self.phi_hidden // 2, 1), "tau_in", self.use_bias)
        self.tau_out = gate(1, "tau_out", self.use_bias)
        if self.horizon == "gate":
            self.time_a = gate(1, "time_a")
            self.time_b = gate(1, "time_b")
        self.dropout_layer = keras.layers.Dropout(self.dropout, dtype=self._gate_dtype, name="dropout")

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of the given shapes."""
        query, key, value, _ = call_inputs.unpack(call_inputs.shapes_of(input_shape))
        call_inputs.check_features(query, key, value)
        if None in (query[-1], key[-1], value[-1]):
            raise ValueError(f"LAN needs a known number of features. Received: shapes {input_shape}")
        self.q_dense.build(query)
        self.k_dense.build(key)
        self.v_dense.build(value)
        self.out_dense.build((None, None, self.d_model))
        pair = (None, 2 * self.head_dim)
        self.phi_in.build(pair)
        self.phi_out.build((None, self.phi_in.units))
        self.tau_in.build(pair)
        self.tau_out.build((None, self.tau_in.units))
        if self.horizon == "gate":
            self.time_a.build(pair)
            self.time_b.build(pair)
        if self.learn_time_scale:
            self.log_time_scale = self.add_weight(
                name="log_time_scale",
                shape=(self.num_heads,),
                initializer=keras.initializers.Constant(math.log(self.time_scale)),
                dtype=self._gate_dtype,
                autocast=False,
            )

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply the layer, see the class; Python numbers are welcome as time."""
        if isinstance(inputs, (tuple, list)):
            inputs = call_inputs.as_list(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        attention_mask: Tensor | None = None,
        use_causal_mask: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Attend, see the class."""
        inputs = self._checked(inputs, mask, attention_mask)
        if self._is_single_key(inputs, mask, attention_mask, training):
            return self._value_of_single_key(inputs)
        every_query = self.return_sequences or self.return_attention
        if not every_query and self._can_reorder:
            return compiled(
                lambda: self._output_of_last(inputs, mask, attention_mask, use_causal_mask, training),
                worthwhile=self._are_many_keys(inputs),
            )
        gate_weights = self._gate_weights()
        queries, memory = self._project(
            inputs, mask, attention_mask, use_causal_mask, every_query, gate_weights
        )
        is_empty = inputs[0].shape[1] == 0  # It makes no chunk.
        if self.query_chunk and every_query and not (is_empty or self._factorises(queries, memory)):
            heads, weights = self._attend_in_chunks(queries, memory, gate_weights, self.query_chunk)
        else:
            heads, weights = self._attend(queries, memory, gate_weights, training)
        output = self._join_heads(heads if self.return_sequences else heads[:, :, -1:])
        if not self.return_sequences:
            output = output[:, 0]
        return (output, weights) if self.return_attention else output

    def inspect(
        self,
        inputs: Any,
        mask: Any = None,
        attention_mask: Tensor | None = None,
        use_causal_mask: bool = False,
    ) -> Inspection:
        """Return gates, horizon, logits and weights of all queries, for dashboards and reports.

        Args:
            inputs: As in the call.
            mask: As in the call.
            attention_mask: As in the call.
            use_causal_mask: As in the call.

        Returns:
            The quantities of every pair, each `(B, H, T, S)`.

        Raises:
            ValueError: If the layer has no weights yet, or as in the call.
        """
        self._check_built()
        inputs = self._checked(inputs, mask, attention_mask)
        gate_weights = self._gate_weights()
        queries, memory = self._project(inputs, mask, attention_mask, use_causal_mask, True, gate_weights)
        found = self._evaluate(queries, memory, gate_weights)
        if found.horizon is None:
            return found
        return found._replace(horizon=ops.broadcast_to(found.horizon, ops.shape(found.logits)))

    def initial_state(self, batch_size: int, window: int | None = None) -> streaming.StreamState:
        """Return the empty state from which `step` starts.

        Args:
            batch_size: The number `B` of sequences that stream in parallel.
            window: The number of newest steps to remember; may be left out if the layer has a `window`.

        Returns:
            A state of fixed shapes. To restart some of the sequences, set their `times` to
            `streaming.NEVER_S`.

        Raises:
            ValueError: If no window is known, or another one than the layer's, or the layer has no weights
                yet.
        """
        self._check_built()
        if window is None:
            window = self.window
        if window is None or self.window not in (None, window):
            raise ValueError(
                f"The state needs one window, equal to the layer's if that has one. "
                f"Received: window={window}, layer.window={self.window}"
            )
        return streaming.empty_state(
            batch_size,
            self.num_heads,
            _count("window", window),
            features=self._equation.terms + self.head_dim,
            key_dim=self.head_dim if self._equation.reads_dot_products else None,
            dtype=self._gate_dtype,
        )

    def step(self, x: Tensor, t: Any, state: streaming.StreamState) -> tuple[Any, streaming.StreamState]:
        """Take in one more step of self-attention and evaluate its query, in O(window).

        The output equals the last time step of the layer called with `window` on all steps so far.

        Args:
            x: The features of the new step, `(B, features)`.
            t: Its time stamps in seconds (its factor under `horizon="gate"`), `(B,)` or a scalar. Unix times
                keep their precision as Python or NumPy floats and as float64 tensors, which JAX has only
                with `jax_enable_x64`.
            state: What `initial_state` or the last `step` returned.

        Returns:
            The output `(B, d_model)`, or `(output, weights)` with weights `(B, H, 1, window)`, oldest key
            first, with `return_attention`; and the new state.

        Raises:
            ValueError: If the layer has no weights yet, or the shapes do not fit.
        """
        self._check_built()
        if len(x.shape) != 2:
            raise ValueError(
                f"step takes the features of one step, (B, features). Received: shape {tuple(x.shape)}"
            )
        if len({x.shape[0], state.times.shape[0]} - {None}) > 1:
            raise ValueError(
                "step needs the state of as many sequences as x has. "
                f"Received: x of shape {tuple(x.shape)}, a state of {state.times.shape[0]} sequences"
            )
        times = ops.convert_to_tensor(t, dtype="float64")
        call_inputs.check_shape("t", times, ("", "B"), B=x.shape[0])
        x = x[:, None, :]
        times = ops.broadcast_to(ops.reshape(times, (-1, 1)), (ops.shape(x)[0], 1))
        gate_weights = self._gate_weights()
        newest = self._remember(x, x, times, None, gate_weights)
        state = state.push(newest)
        memory = state.memory(self._equation.terms, self.compute_dtype)
        query, terms = self._project_queries(x, gate_weights)
        heads, weights = self._attend(Queries(query, terms, times), memory, gate_weights, training=False)
        output = self._join_heads(heads)[:, 0]
        return ((output, weights) if self.return_attention else output), state

    def _project(
        self,
        inputs: list[Tensor],
        mask: Any,
        attention_mask: Tensor | None,
        use_causal_mask: bool,
        every_query: bool,
        gate_weights: GateWeights,
    ) -> tuple[Queries, streaming.KeyMemory]:
        """Project the inputs and gather what queries and keys need of each other."""
        query, key, value, t = call_inputs.unpack(inputs)
        query_times, key_times = self._times(t, query, key)
        positions = None
        if use_causal_mask or self.window is not None:
            positions = ops.arange(ops.shape(query)[1], dtype="int32")
        allowed = None if attention_mask is None else call_inputs.with_head_axis(attention_mask)
        self._warn_of_single_key(key)

        if not every_query:
            query = query[:, -1:]
            query_times = None if query_times is None else query_times[:, -1:]
            positions = None if positions is None else positions[-1:]
            allowed = None if allowed is None else allowed[:, :, -1:]
        queries, terms = self._project_queries(query, gate_weights)
        valid = call_inputs.key_mask(inputs, mask)
        if every_query or not self._can_reorder:
            memory = self._remember(key, value, key_times, valid, gate_weights)
        else:
            memory = self._remember_for_one_query(key, key_times, valid, gate_weights)
        return Queries(queries, terms, query_times, positions, allowed), memory

    def _project_queries(self, query: Tensor, weights: GateWeights) -> tuple[Tensor, Tensor]:
        queries = self._split_heads(self.q_dense(query))
        return queries, gates.query_terms(ops.cast(queries, self._gate_dtype), weights.pair)

    def _project_keys(self, key: Tensor, weights: GateWeights) -> tuple[Tensor | None, Tensor]:
        """Return the keys, if more than their terms matters, and their terms."""
        keys = self._split_heads(self.k_dense(key))
        terms = gates.key_terms(ops.cast(keys, self._gate_dtype), weights.pair)
        return (ops.swapaxes(keys, -1, -2) if self._equation.reads_dot_products else None), terms

    def _remember(
        self, key: Tensor, value: Tensor, times: Tensor | None, valid: Tensor | None, weights: GateWeights
    ) -> streaming.KeyMemory:
        keys, terms = self._project_keys(key, weights)
        return streaming.KeyMemory(keys, self._split_heads(self.v_dense(value)), terms, times, valid)

    def _remember_for_one_query(
        self, key: Tensor, times: Tensor | None, valid: Tensor | None, weights: GateWeights
    ) -> streaming.KeyMemory:
        """Return the memory without values, and without projecting keys of which only the terms matter."""
        if self._equation.reads_dot_products:
            keys, terms = self._project_keys(key, weights)
        else:
            inputs, projection = ops.cast(key, self._gate_dtype), gates.affine_of(self.k_dense)
            keys, terms = None, gates.key_terms_of_inputs(inputs, projection, self.num_heads, weights.pair)
        return streaming.KeyMemory(keys, None, terms, times, valid)

    def _times(self, t: Tensor | None, query: Tensor, key: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the time stamps of the queries, if they matter, and those (or the factors) of the keys."""
        if self.horizon == "gate":
            return None, None if t is None else horizons.per_key(t, key.shape[0], key.shape[1])
        if not self._equation.reads_elapsed_time:
            return None, None
        if t is None:
            raise ValueError(
                "horizon='elapsed' needs time stamps, (x, t) or (query, key, value, t). Received: no t"
            )
        lengths = {query.shape[1], key.shape[1], *t.shape[-1:]} - {None}
        if len(lengths) > 1:
            raise ValueError(
                "horizon='elapsed' needs one time stamp for every step of query and key alike. Received: "
                f"query {tuple(query.shape)}, key {tuple(key.shape)}, t {tuple(t.shape)}"
            )
        times = horizons.per_step(t, query.shape[0], query.shape[1])
        return times, times

    @property
    def _equation(self) -> LiquidEquation:
        hidden = self.gate_activation is not None
        return LiquidEquation(
            mode=self.mode,
            horizon=self.horizon,
            initial=self.initial,
            euler_steps=self.euler_steps,
            euler_guard=self.euler_guard,
            delta_t=self.delta_t,
            tau_epsilon=self.tau_epsilon,
            gate_activation=self.gate_activation,
            hidden_units=self.phi_in.units + self.tau_in.units if hidden else 0,
            dtype=self._gate_dtype,
        )

    def _gate_weights(self) -> GateWeights:
        maps = [gates.affine_of(self.phi_in), gates.affine_of(self.tau_in)]
        outputs = [gates.affine_of(self.phi_out), gates.affine_of(self.tau_out)]
        if self.gate_activation is None:
            maps = [gates.compose(hidden, output) for hidden, output in zip(maps, outputs, strict=True)]
        of_hidden = () if self.gate_activation is None else gates.side_by_side(*outputs)
        if self._equation.reads_gated_time:
            maps += [gates.affine_of(self.time_a), gates.affine_of(self.time_b)]
        if self.learn_time_scale:
            rate = ops.exp(-ops.convert_to_tensor(self.log_time_scale))[:, None, None]
        else:
            rate = ops.convert_to_tensor(1.0 / self.time_scale, dtype=self._gate_dtype)
        return GateWeights(gates.stack(maps), of_hidden, rate)

    @property
    def _can_reorder(self) -> bool:
        """Whether one query may take its products with the projections' kernels in the cheaper order.

        Next to hidden gate units it saves nothing, and a quantized projection has no kernel of floats.
        """
        quantized = self.k_dense.quantization_mode or self.v_dense.quantization_mode
        return not (self._equation.hidden_units or quantized)

    def _attend(
        self,
        queries: Queries,
        memory: streaming.KeyMemory,
        gate_weights: GateWeights,
        training: bool | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the heads `(B, H, T, D)`, and the weights `(B, H, T, S)` unless nobody asks for them."""
        if self._factorises(queries, memory):
            heads = factorised.attend(
                *self._equation.shares(queries, memory),
                self.tau_epsilon,
                memory.values,
                partial(queries.mask, memory, self.window),
                self.query_chunk,
            )
            return ops.cast(heads, memory.values.dtype), None
        weights = self._evaluate(queries, memory, gate_weights).weights
        dropped = self.dropout_layer(weights, training=training)
        return ops.matmul(ops.cast(dropped, memory.values.dtype), memory.values), weights

    def _output_of_last(
        self,
        inputs: list[Tensor],
        mask: Any,
        attention_mask: Tensor | None,
        use_causal_mask: bool,
        training: bool | None,
    ) -> Tensor:
        """Return the output `(B, d_model)` of the last query, whose means of the inputs are projected."""
        gate_weights = self._gate_weights()
        queries, memory = self._project(inputs, mask, attention_mask, use_causal_mask, False, gate_weights)
        _, _, value, _ = call_inputs.unpack(inputs)
        weights = self._evaluate(queries, memory, gate_weights).weights[:, :, 0]
        weights = ops.cast(self.dropout_layer(weights, training=training), self.compute_dtype)
        means = ops.matmul(weights, ops.cast(value, self.compute_dtype))
        # Keras casts the weights of a layer inside a half-precision model in that layer's own call only.
        kernel, bias = (ops.cast(x, self.compute_dtype) for x in gates.affine_of(self.v_dense))
        # Under a mask or dropout the weights need not add up to one.
        projected = ops.matmul(means, kernel) + ops.sum(weights, axis=-1, keepdims=True) * bias
        own = np.kron(np.eye(self.num_heads), np.ones(self.head_dim))
        heads = ops.sum(projected * ops.cast(own, self.compute_dtype), axis=1)
        return self.activation(self.out_dense(heads))

    def _are_many_keys(self, inputs: list[Tensor]) -> bool:
        """Return whether it is known that the keys are many, and nothing of their evaluation is random."""
        _, key, _, _ = call_inputs.unpack(inputs)
        return key.shape[1] is not None and key.shape[1] >= KEYS_TO_COMPILE and not self.dropout

    def _attend_in_chunks(
        self, queries: Queries, memory: streaming.KeyMemory, gate_weights: GateWeights, size: int
    ) -> tuple[Tensor, Tensor | None]:
        """Do as `_attend`, `size` queries at a time; weights only where they are returned."""

        def attend(*chunk: Any) -> list[Tensor]:
            heads, weights = self._attend(*chunk)
            return [heads, weights] if self.return_attention else [heads]

        heads, *weights = attend_in_chunks(attend, queries, memory, gate_weights, size)
        return heads, weights[0] if weights else None

    def _evaluate(
        self, queries: Queries, memory: streaming.KeyMemory, gate_weights: GateWeights
    ) -> Inspection:
        mask = queries.mask(memory, self.window)
        solution = self._solve(queries, memory, gate_weights, mask)
        return Inspection(*solution, masking.masked_softmax(solution.logits, mask))

    def _solve(
        self, queries: Queries, memory: streaming.KeyMemory, weights: GateWeights, mask: Tensor | None
    ) -> Solution:
        """Solve the equation of every pair; a variant of the layer may change the logits here."""
        return self._equation.solve(queries, memory, weights, mask)

    def _factorises(self, queries: Queries, memory: streaming.KeyMemory) -> bool:
        heads_only = not (self.return_attention or self.dropout)
        return heads_only and self._equation.factorises(queries, memory)

    def _split_heads(self, x: Tensor) -> Tensor:
        batch, length, _ = ops.shape(x)
        return ops.swapaxes(ops.reshape(x, (batch, length, self.num_heads, self.head_dim)), 1, 2)

    def _join_heads(self, heads: Tensor) -> Tensor:
        heads = ops.swapaxes(heads, 1, 2)
        batch, length, *_ = ops.shape(heads)
        return self.activation(self.out_dense(ops.reshape(heads, (batch, length, self.d_model))))

    def _is_single_key(
        self, inputs: list[Tensor], mask: Any, attention_mask: Tensor | None, training: bool | None
    ) -> bool:
        """Return whether one query attends one key, whose weight is 1 whatever the logit."""
        query, key, _, _ = call_inputs.unpack(inputs)
        if not query.shape[1] == key.shape[1] == 1:
            return False
        masked = attention_mask is not None or call_inputs.key_mask(inputs, mask) is not None
        weights_matter = self.return_attention or (self.dropout and training)
        return not masked and not weights_matter

    def _value_of_single_key(self, inputs: list[Tensor]) -> Tensor:
        query, key, value, t = call_inputs.unpack(inputs)
        self._times(t, query, key)
        self._warn_of_single_key(key)
        output = self.activation(self.out_dense(self.v_dense(value)))
        return output if self.return_sequences else output[:, 0]

    def _checked(self, inputs: Any, mask: Any, attention_mask: Tensor | None) -> list[Tensor]:
        inputs = call_inputs.as_list(inputs)
        call_inputs.check(inputs, mask, attention_mask, self.num_heads)
        if not self.return_sequences and inputs[0].shape[1] == 0:
            raise ValueError(
                "A sequence without steps has no last one to return. "
                f"Received: query of shape {tuple(inputs[0].shape)}"
            )
        return inputs

    def _check_built(self) -> None:
        if not self.built:
            raise ValueError(f"Build layer {self.name!r} or call it once. Received: a layer without weights")

    def _warn_of_single_key(self, key: Tensor) -> None:
        if 1 in (key.shape[1], self.window) and not self._warned_of_single_key:
            self._warned_of_single_key = True
            warnings.warn(
                f"Layer {self.name!r} attends a single key. The softmax of one logit is 1, so queries, keys "
                "and gates get no gradient and the layer is a linear map. Give it several time steps.",
                stacklevel=2,
            )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output: the queries' padding mask if all time steps are returned."""
        if not self.return_sequences or previous_mask is None:
            return None
        mask = call_inputs.query_mask(inputs, previous_mask)
        return [mask, None] if self.return_attention else mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output, and of the weights if they are returned."""
        query, key, *_ = call_inputs.unpack(call_inputs.shapes_of(input_shape))
        batch, length = query[:2]
        output = (batch, length, self.d_model) if self.return_sequences else (batch, self.d_model)
        return (output, (batch, self.num_heads, length, key[1])) if self.return_attention else output

    def compute_output_spec(
        self, inputs: Any, mask: Any = None, attention_mask: Any = None, **kwargs: Any
    ) -> Any:
        """Return the symbolic output, and the weights in their own type if they are returned.

        Raises:
            ValueError: As in the call.
        """
        inputs = self._checked(inputs, mask, attention_mask)
        query, key, _, t = call_inputs.unpack(inputs)
        self._times(t, query, key)
        shapes = self.compute_output_shape([tuple(x.shape) for x in inputs])
        if not self.return_attention:
            return keras.KerasTensor(shapes, dtype=self.compute_dtype)
        types = self.compute_dtype, self._gate_dtype
        return tuple(keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, types, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Return all constructor arguments."""
        return {
            **super().get_config(),
            "d_model": self.d_model,
            "num_heads": self.num_heads,
            "mode": self.mode,
            "euler_steps": self.euler_steps,
            "activation": keras.activations.serialize(self.activation),
            "phi_hidden": self.phi_hidden,
            "tau_epsilon": self.tau_epsilon,
            "delta_t": self.delta_t,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "return_attention": self.return_attention,
            "return_sequences": self.return_sequences,
            "horizon": self.horizon,
            "initial": self.initial,
            "gate_activation": (
                None if self.gate_activation is None else keras.activations.serialize(self.gate_activation)
            ),
            "euler_guard": self.euler_guard,
            "time_scale": self.time_scale,
            "learn_time_scale": self.learn_time_scale,
            "window": self.window,
            "query_chunk": self.query_chunk,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LAN:
        """Return the layer of a configuration."""
        initial = config.get("initial")
        if callable(initial):  # Of HDF5 files Keras reads a name of its own as what it names.
            config = config | {"initial": initial.__name__}
        return cls(**config)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}. Received: {name}={value!r}")


def _count(name: str, value: Any) -> int:
    """Return a positive integer as a Python number, which NumPy's are not to Keras."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer. Received: {name}={value!r}")
    return int(value)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite. Received: {name}={value!r}")
