"""Cutting one axis into equal chunks that are worked on one after the other."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any


def split(x: Tensor, size: int, axis: int) -> Tensor:
    """Cut an axis into chunks and put the axis of the chunks first.

    Args:
        x: A tensor with `T` entries along `axis`. The last chunk is filled up with zeros.
        size: The entries of a chunk.
        axis: The axis to cut, not negative.

    Returns:
        A tensor with one axis more: `ceil(T / size)` chunks first, `size` entries along `axis` of each.
    """
    shape = ops.shape(x)
    padding = [(0, 0)] * len(shape)
    padding[axis] = (0, -shape[axis] % size)
    x = ops.pad(x, padding)
    x = ops.reshape(x, (*shape[:axis], -1, size, *shape[axis + 1 :]))
    return ops.moveaxis(x, axis, 0)


def join(chunks: Tensor, length: Tensor | int, axis: int) -> Tensor:
    """Undo `split`.

    Args:
        chunks: What `split` returned, or something computed from it chunk by chunk.
        length: The entries `T` that the joined axis has.
        axis: The axis that was cut, counted in the joined tensor.

    Returns:
        The chunks in one piece, with `length` entries along `axis`.
    """
    chunks = ops.moveaxis(chunks, 0, axis)
    shape = ops.shape(chunks)
    joined = ops.reshape(chunks, (*shape[:axis], -1, *shape[axis + 2 :]))
    return joined[(slice(None),) * axis + (slice(0, length),)]
