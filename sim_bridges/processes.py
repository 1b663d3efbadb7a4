"""Work for every core: the same function on many items, in processes of their own."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from models.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    start: Callable[..., None],
    arguments: tuple[Any, ...],
) -> Iterator[Result]:
    """Yields the function's results in the order of the items; who stops early ends the processes.

    Args:
        function: Called for each item; must be importable.
        items: What to work on.
        start: Called once in each process, before the first item.
        arguments: What `start` gets.

    Raises:
        UserError: A process was killed.
    """
    if not items:
        return
    with process_pool(len(items), start, arguments) as pool:
        futures: deque[Future[Result]] = deque()
        try:
            # This starts the processes, which takes a while.
            futures += (pool.submit(function, item) for item in items)
            while futures:
                yield futures.popleft().result()
        except BrokenProcessPool as error:
            raise UserError(
                "A process of this command was ended from outside, for lack of memory perhaps: make room, "
                "and give the command again."
            ) from error
        except BaseException:
            # They have taken further items already, which could last for minutes.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def process_pool(
    most: int, start: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Returns a pool of one process a core, which end with this one, however it ends.

    Processes are spawned, not forked: neither TensorFlow nor threads survive a fork.

    Args:
        most: The largest number of processes that is of use.
        start: Called once in each process, before the first item.
        arguments: What `start` gets.
    """
    workers = min(_cores(), most)
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(start, arguments))


def _begin(start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    """Ends this process when the one that made it is gone, which would go on with what nobody waits for."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _cores() -> int:
    """Returns how many cores this process may use, where the system tells; otherwise all that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
