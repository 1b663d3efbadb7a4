"""The four ways to call the layer, and the masks that come with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from models import masking

Tensor = Any
Shape = tuple[int | None, ...]


def as_list(inputs: Any) -> list[Any]:
    """Return one input or several as a list of tensors and arrays; numbers become arrays."""
    inputs = inputs if isinstance(inputs, (tuple, list)) else [inputs]
    return [x if hasattr(x, "shape") else np.asarray(x) for x in inputs]


def shapes_of(input_shape: Any) -> list[Shape]:
    """Return the shape of one input or the shapes of several as a list."""
    nested = bool(input_shape) and isinstance(input_shape[0], (tuple, list))
    return [tuple(shape) for shape in input_shape] if nested else [tuple(input_shape)]


def unpack(inputs: list[Any]) -> tuple[Any, Any, Any, Any]:
    """Return query, key, value and time (None if absent) of the inputs, or of what belongs to each of them.

    Args:
        inputs: What belongs to `x`, `(x, t)`, `(query, key, value)` or `(query, key, value, t)`.

    Returns:
        Four entries.

    Raises:
        ValueError: If there are none or more than four.
    """
    if len(inputs) in (1, 2):
        x, *t = inputs
        return x, x, x, t[0] if t else None
    if len(inputs) in (3, 4):
        query, key, value, *t = inputs
        return query, key, value, t[0] if t else None
    raise ValueError(
        "LAN takes x, (x, t), (query, key, value) or (query, key, value, t). "
        f"Received: {len(inputs)} inputs, {[tuple(getattr(x, 'shape', x)) for x in inputs]}"
    )


def check(inputs: list[Any], mask: Any, attention_mask: Tensor | None, heads: int) -> None:
    """Refuse inputs and masks whose lengths do not fit together, as far as they are known.

    Args:
        inputs: The layer's inputs.
        mask: As of `key_mask`.
        attention_mask: `(T, S)`, `(B, T, S)` or `(B, H, T, S)`, or None.
        heads: The number `H` of heads.

    Raises:
        ValueError: If they do not fit, or a mask is no array or holds floating-point numbers.
    """
    query, key, value, _ = unpack(inputs)
    check_features(*(tuple(x.shape) for x in (query, key, value)))
    sizes = {"B": query.shape[0], "S": key.shape[1]}
    for padding in _key_masks(inputs, mask):
        _check_truth("mask says which keys are no padding; for time, pass (x, t) as one tuple", padding)
        check_shape("mask", padding, ("BS",), **sizes)
    if attention_mask is not None:
        _check_array("attention_mask", attention_mask)
        _check_truth("attention_mask says which keys a query may attend, and adds nothing", attention_mask)
        forms = ("TS", "BTS", "BHTS")
        check_shape("attention_mask", attention_mask, forms, **sizes, T=query.shape[1], H=heads)


def _check_array(name: str, mask: Any) -> None:
    if not hasattr(mask, "shape"):
        raise ValueError(f"{name} must be a tensor or an array. Received: a {type(mask).__name__}")


def _check_truth(meaning: str, mask: Tensor) -> None:
    dtype = keras.backend.standardize_dtype(mask.dtype)
    if keras.backend.is_float_dtype(dtype):
        raise ValueError(f"{meaning}. Received: a mask of {dtype}")


def check_features(query: Shape, key: Shape, value: Shape) -> None:
    """Refuse shapes of other ranks than three, and lengths that are known to differ.

    Raises:
        ValueError: If they do not fit.
    """
    named = {"query": query, "key": key, "value": value}
    for name, shape in named.items():
        if len(shape) != 3:
            raise ValueError(
                f"LAN needs features of shape (B, T, features). Received: {name} of shape {shape}"
            )
    batches, lengths = {shape[0] for shape in named.values()}, {key[1], value[1]}
    if len(batches - {None}) > 1 or len(lengths - {None}) > 1:
        raise ValueError(
            "query, key and value need the same batch size, and key and value the same length. "
            f"Received: {', '.join(f'{name} of shape {shape}' for name, shape in named.items())}"
        )


def key_mask(inputs: list[Tensor], mask: Any) -> Tensor | None:
    """Return the keys' padding mask.

    Args:
        inputs: The layer's inputs.
        mask: The mask `(B, S)`, a list with one for each input, or None for those attached to the inputs.

    Returns:
        A boolean mask `(B, S)`, or None if every key is valid.
    """
    return masking.intersection(*_key_masks(inputs, mask))


def _key_masks(inputs: list[Tensor], mask: Any) -> list[Tensor]:
    if mask is None:
        # Keras passes no masks on where a second tensor argument, such as attention_mask, is given.
        mask = [getattr(x, "_keras_mask", None) for x in inputs]
    if not isinstance(mask, (tuple, list)):
        return as_list(mask)
    for x in mask:
        if x is not None:
            _check_array("mask", x)
    _, key, value, _ = unpack(list(mask))
    return [x for x in ([key] if value is key else [key, value]) if x is not None]


def query_mask(inputs: Any, mask: Any) -> Tensor | None:
    """Return the queries' padding mask, if there is one; arguments as of `key_mask`."""
    if isinstance(mask, (tuple, list)):
        return mask[0]
    # A single mask belongs to the keys, which are the queries' steps only in self-attention.
    attends_itself = not isinstance(inputs, (tuple, list)) or len(inputs) <= 2
    return mask if attends_itself else None


def check_shape(name: str, x: Tensor, forms: Sequence[str], **sizes: int | None) -> None:
    """Refuse a tensor that fits none of the given forms as far as its shape is known.

    Args:
        name: What to call it.
        x: The tensor.
        forms: One letter an axis, such as `"BS"`; an axis `1` has that length.
        **sizes: The lengths of the axes by their letters, None if unknown. A length of 1 fits too.

    Raises:
        ValueError: If it fits none.
    """
    shape, lengths = tuple(x.shape), {"1": 1, **sizes}
    if any(_fits(shape, [lengths[axis] for axis in form]) for form in forms):
        return
    *others, last = [f"({form[0]},)" if len(form) == 1 else f"({', '.join(form)})" for form in forms]
    expected = f"{', '.join(others)} or {last}" if others else last
    known = ", ".join(f"{axis}={size}" for axis, size in sizes.items() if size is not None)
    raise ValueError(
        f"{name} must have shape {expected}{known and f', where {known}'}. Received: shape {shape}"
    )


def _fits(shape: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    return len(shape) == len(expected) and all(
        None in pair or pair[0] in (1, pair[1]) for pair in zip(shape, expected, strict=True)
    )


def with_head_axis(attention_mask: Tensor) -> Tensor:
    """Arrange an attention mask of shape `(T, S)`, `(B, T, S)` or `(B, H, T, S)` with all four axes."""
    rank = len(attention_mask.shape)
    if rank == 2:
        return attention_mask[None, None]
    return attention_mask[:, None] if rank == 3 else attention_mask
