"""A thread that works on the newest item only."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestItemWorker(Generic[Item]):
    """Calls a function on the items that are put, one at a time; an item that waits gives way to a newer one.

    Each vehicle has one, so that a policy that hangs hurts nobody else.

    Args:
        work: What to do with an item. It must not raise.
        name: Name of the thread.
    """

    def __init__(self, work: Callable[[Item], None], name: str) -> None:
        self._work = work
        self._waiting: list[Item] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs, after `close` as long as its last item takes."""
        return self._thread.is_alive()

    def put(self, item: Item) -> None:
        """Gives the worker an item, in place of the one that waits if there is one."""
        with self._changed:
            self._waiting[:] = [item]
            self._changed.notify()

    def replace(self, item: Item) -> bool:
        """Gives the worker an item if one waits whose place it can take, and says whether it did."""
        with self._changed:
            if not self._waiting:
                return False
            self._waiting[:] = [item]
            return True

    def close(self) -> None:
        """Ends the thread after the item it works on; does not wait for it."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                item = self._waiting.pop()
            self._work(item)
            del item
