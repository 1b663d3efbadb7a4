"""Compiles the parts of a graph that gain most from it, where the graph itself is not compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

Tensor = Any

_is_allowed = ContextVar("is_allowed", default=True)


def compiled(function: Callable[..., Any], *arguments: Tensor, worthwhile: bool) -> Any:
    """Call a function of tensors, by XLA if TensorFlow is building a graph.

    TensorFlow runs a graph operation by operation and writes every intermediate array to memory, where XLA
    makes one loop of them. Each new shape costs a compilation of about a second, so that this is for shapes
    that are known when the graph is built. Without a graph, and on other backends, it is a plain call.

    Args:
        function: Takes and returns tensors, or nested structures of them.
        *arguments: What it is called with.
        worthwhile: Whether the shapes are known and so large that the loop saves more than its call costs.
    """
    if worthwhile and _is_allowed.get() and _builds_graph():
        return tf.function(function, jit_compile=True, autograph=False)(*arguments)
    return function(*arguments)


def _builds_graph() -> bool:
    return keras.backend.backend() == "tensorflow" and not tf.executing_eagerly()


@contextmanager
def uncompiled() -> Iterator[None]:
    """Have graphs that are built within made of plain operations, for converters that know no others.

    Example:
        >>> with uncompiled():
        ...     model.export("model.onnx", format="onnx")
    """
    token = _is_allowed.set(False)
    try:
        yield
    finally:
        _is_allowed.reset(token)
