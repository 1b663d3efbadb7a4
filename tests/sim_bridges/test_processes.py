"""Work in processes of its own: in order, with its errors, and ended with who began it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import UserError
from sim_bridges.processes import map_in_processes

ROOT = Path(__file__).resolve().parents[2]

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


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_process_that_was_killed_is_the_users_to_mend():
    with pytest.raises(UserError, match="ended from outside"):
        list(map_in_processes(end_abruptly, [1, 2], start, (3,)))


def end_abruptly(_item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_who_stops_early_waits_for_nobody():
    begun_s = time.monotonic()
    results = map_in_processes(sleep_when_told, [0, 60, 60, 60, 60], start_nothing, ())
    assert next(results) == 0
    results.close()
    assert time.monotonic() - begun_s < 60


def sleep_when_told(duration_s: float) -> float:
    time.sleep(duration_s)
    return duration_s


def note_and_sleep(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def start_nothing() -> None:
    pass


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_killed_parent_leaves_no_process(tmp_path):
    program = (
        "from sim_bridges.processes import map_in_processes\n"
        "from tests.sim_bridges.test_processes import note_and_sleep, start_nothing\n"
        f"list(map_in_processes(note_and_sleep, [{str(tmp_path)!r}] * 2, start_nothing, ()))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)  # noqa: S603
    end_s = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < end_s:
        time.sleep(0.05)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    end_s = time.monotonic() + 10
    while any(map(runs, workers)) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert workers
    assert not any(map(runs, workers))
