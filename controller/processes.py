"""Work for every core: the same function on many items, in processes of their own."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    start: Callable[..., None],
    arguments: tuple[Any, ...],
) -> Iterator[Result]:
    """Yields the function's results in the order of the items.

    Processes are spawned, not forked: neither TensorFlow nor threads survive a fork.

    Args:
        function: Called for each item; must be importable.
        items: What to work on.
        start: Called once in each process, before the first item.
        arguments: What `start` gets.
    """
    if not items:
        return
    workers = min(_cores(), len(items))
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=start, initargs=arguments) as pool:
        yield from pool.map(function, items)


def _cores() -> int:
    """Returns how many cores this process may use, where the system tells; otherwise all that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
