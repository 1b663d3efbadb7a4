import os

import pytest

from controller.processes import map_in_processes

_worker: dict[str, int] = {}


def start(factor: int) -> None:
    _worker["factor"] = factor


def work(item: int) -> tuple[int, int]:
    if item < 0:
        raise ValueError("negative")
    return item * _worker["factor"], os.getpid()


def test_results_come_in_order_from_processes_that_were_started_first():
    results = list(map_in_processes(work, range(6), start, (3,)))
    assert [value for value, _ in results] == [0, 3, 6, 9, 12, 15]
    assert os.getpid() not in {process for _, process in results}


def test_nothing_to_do_starts_nothing():
    assert list(map_in_processes(work, [], start, (3,))) == []


def test_an_error_reaches_the_caller():
    with pytest.raises(ValueError, match="negative"):
        list(map_in_processes(work, [1, -1], start, (3,)))
