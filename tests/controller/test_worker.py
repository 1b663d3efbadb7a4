"""The thread that works on the newest item only."""

import threading

from controller.worker import NewestItemWorker


class Gate:
    """Work that waits until it is let go on."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def __call__(self, item: int) -> None:
        self.begun.release()
        assert self.go_on.acquire(timeout=30)
        self.done.append(item)


def test_an_item_that_waits_gives_way_to_a_newer_one():
    gate = Gate()
    worker = NewestItemWorker(gate, "test")
    worker.put(1)
    assert gate.begun.acquire(timeout=30)
    assert not worker.replace(2)
    worker.put(3)
    worker.put(4)
    assert worker.replace(5)
    gate.go_on.release(2)
    assert gate.begun.acquire(timeout=30)
    worker.close()
    worker._thread.join(30)
    assert gate.done == [1, 5]
    assert not worker.alive


def test_closing_drops_what_waits_and_lets_what_runs_end():
    gate = Gate()
    worker = NewestItemWorker(gate, "test")
    worker.put(1)
    assert gate.begun.acquire(timeout=30)
    worker.put(2)
    worker.close()
    assert worker.alive
    gate.go_on.release(5)
    worker._thread.join(30)
    assert gate.done == [1]
