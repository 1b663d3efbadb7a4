"""Recordings: the simulator's format, and what a full disk or a killed process leave."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller import recorder as recorder_module
from controller.interface import Command
from controller.recorder import RecordedFrame, Recorder, check_recordable
from models.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
MOMENT = datetime(2018, 7, 16, 17, 11, 43, 382_900)
JPEG = b"\xff\xd8 not really \xff\xd9"


def frame(number: int = 0, **changes) -> RecordedFrame:
    values = {
        "wall_time": MOMENT,
        "time_s": 1.5 + number,
        "jpeg": JPEG,
        "state": "driving",
        "failure": None,
        "speed_mps": 4.4704,
        "steering": 0.1,
        "proposal": Command(0.25, 0.0, 0.0),
        "command": Command(-0.05, 0.3, 0.0),
        "latency_ms": {"total": 2.5},
    }
    return RecordedFrame(**(values | changes))


def recorded(folder: Path, *frames: RecordedFrame) -> Path:
    recorder = Recorder(folder, "1")
    for one in frames:
        recorder.record(one)
        assert recorder.wait_written(30)
    recorder.close()
    recorder.wait_closed(30)
    return recorder.drive


def rows(drive: Path) -> list[list[str]]:
    with (drive / "driving_log.csv").open(newline="") as log:
        return list(csv.reader(log))


def entries(drive: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (drive / "frames.jsonl").read_text().splitlines()]


def test_writes_the_format_of_the_training_mode(tmp_path):
    drive = recorded(tmp_path, frame())
    image = drive / "IMG" / "center_2018_07_16_17_11_43_382.jpg"
    assert image.read_bytes() == JPEG
    assert rows(drive) == [[str(image), "", "", "-0.050000", "0.300000", "0.000000", "10.000000"]]


def test_writes_what_the_service_knows_besides(tmp_path):
    (entry,) = entries(recorded(tmp_path, frame()))
    assert entry["image"] == "center_2018_07_16_17_11_43_382.jpg"
    assert entry["proposal"] == {"steering": 0.25, "gas": 0.0, "brake": 0.0}
    assert entry["command"] == {"steering": -0.05, "gas": 0.3, "brake": 0.0}
    assert (entry["state"], entry["failure"]) == ("driving", None)
    assert entry["latency_ms"] == {"total": 2.5}
    assert (entry["time_s"], entry["speed_mps"], entry["steering"]) == (1.5, 4.4704, 0.1)
    wall_time = datetime.fromisoformat(entry["wall_time"])
    assert wall_time.tzinfo is not None
    assert wall_time.replace(tzinfo=None) == MOMENT.replace(microsecond=382_000)


def test_a_frame_without_image_or_finite_proposal_is_in_the_jsonl_only(tmp_path):
    nan = Command(float("nan"), float("inf"), 0.0)
    drive = recorded(tmp_path, frame(jpeg=None, proposal=nan, failure="broken", speed_mps=None))
    assert rows(drive) == []
    (entry,) = entries(drive)
    assert entry["proposal"] == {"steering": "nan", "gas": "inf", "brake": 0.0}
    assert entry["failure"] == "broken"
    drive = recorded(tmp_path, frame(proposal=None, speed_mps=None))
    assert entries(drive)[0]["proposal"] is None
    assert rows(drive)[0][6] == "0.000000"


def test_frames_of_one_millisecond_have_names_of_their_own(tmp_path):
    drive = recorded(tmp_path, frame(), frame(), frame())
    names = [Path(row[0]).name for row in rows(drive)]
    assert names == [f"center_2018_07_16_17_11_43_{ms}.jpg" for ms in (382, 383, 384)]


def test_images_keep_their_intervals_when_the_local_time_jumps(tmp_path):
    moments = [MOMENT, MOMENT + timedelta(seconds=1), MOMENT - timedelta(minutes=59), MOMENT]
    drive = recorded(tmp_path, *(frame(number, wall_time=moment) for number, moment in enumerate(moments)))
    names = [Path(row[0]).name for row in rows(drive)]
    assert names == [f"center_2018_07_16_17_11_{second}_382.jpg" for second in (43, 44, 45, 46)]


def test_drives_of_one_second_have_folders_of_their_own_and_nothing_is_overwritten(tmp_path):
    first = recorded(tmp_path, frame())
    content = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    second = recorded(tmp_path, frame())
    assert first.name == "2018-07-16_17-11-43_1"
    assert second.name == "2018-07-16_17-11-43_1_2"
    assert content == {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ['a, "b"', "a\nb"])
def test_a_path_with_a_comma_or_a_line_break_stays_one_column(tmp_path, name):
    (row,) = rows(recorded(tmp_path / name, frame()))
    assert len(row) == 7
    assert Path(row[0]).is_file()


def test_the_paths_in_the_log_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (row,) = rows(recorded(Path("drives"), frame()))
    assert Path(row[0]).is_absolute()


def test_a_path_that_is_no_text_is_written_as_it_is(tmp_path):
    drive = recorded(tmp_path / os.fsdecode(b"rec\xff"), frame())
    path = (drive / "driving_log.csv").read_bytes().split(b",")[0]
    assert Path(os.fsdecode(path)).is_file()


def test_nothing_is_created_before_the_first_frame(tmp_path):
    recorder = Recorder(tmp_path / "drives", "1")
    recorder.close()
    recorder.wait_closed(1)
    recorder.record(frame())
    assert recorder.wait_written(30)
    recorder.wait_closed(30)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_the_recording_only(tmp_path):
    (tmp_path / "file").write_text("mine")
    recorder = Recorder(tmp_path / "file", "1")
    recorder.record(frame())
    assert recorder.wait_written(30)
    recorder.record(frame())
    recorder.close()
    recorder.wait_closed(30)
    assert (tmp_path / "file").read_text() == "mine"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, "tests/controller")
from tests.controller.test_recorder import frame
from controller.recorder import Recorder
from controller.logs import log_to
log_to(sys.stdout)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size_max, jpeg_size = map(int, sys.argv[2:])
resource.setrlimit(resource.RLIMIT_FSIZE, (size_max, size_max))
recorder = Recorder(Path(sys.argv[1]), "1")
for number in range(100):
    recorder.record(frame(number, jpeg=bytes(jpeg_size)))
    recorder.wait_written(30)
recorder.close()
recorder.wait_closed(30)
print(recorder.drive)
"""


needs_size_limits = pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")


def recorded_on_a_full_disk(folder: Path, size_max: int, jpeg_size: int) -> Path:
    """A limit on the size of files stands for the full disk: the system call fails in the same place."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", FULL_DISK, str(folder), str(size_max), str(jpeg_size)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("recording stopped, driving goes on") == 1
    return Path(done.stdout.splitlines()[-1])


@needs_size_limits
@pytest.mark.parametrize("size_max", [2800, 2950, 3100])
def test_a_full_disk_stops_the_recording_with_a_warning_and_leaves_whole_lines(tmp_path, size_max):
    drive = recorded_on_a_full_disk(tmp_path, size_max, jpeg_size=20)
    assert 3 < len(entries(drive)) < 100
    assert (drive / "frames.jsonl").read_bytes().endswith(b"\n")
    assert all(Path(row[0]).read_bytes() == bytes(20) and len(row) == 7 for row in rows(drive))


@needs_size_limits
def test_an_image_that_does_not_fit_is_not_left_in_part(tmp_path):
    drive = recorded_on_a_full_disk(tmp_path, 3000, jpeg_size=5000)
    assert list((drive / "IMG").iterdir()) == []
    assert rows(drive) == entries(drive) == []


def test_after_a_failure_nobody_waits_for_what_is_left(tmp_path, monkeypatch):
    ready = threading.Event()

    def fail(*_):
        ready.wait(30)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorder_module, "_write_new", fail)
    recorder = Recorder(tmp_path, "1")
    for number in range(3):
        recorder.record(frame(number))
    ready.set()
    assert recorder.wait_written(10)


KILLED = """
import sys
from pathlib import Path
from tests.controller.test_recorder import frame
from controller.recorder import Recorder
recorder = Recorder(Path(sys.argv[1]), "1")
number = 0
while True:
    recorder.wait_written(30)
    print(number, flush=True)
    recorder.record(frame(number))
    number += 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_process_loses_the_last_frame_at_most(tmp_path):
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        written = 0
        for line in process.stdout:
            written = int(line)
            if written == 200:
                os.kill(process.pid, signal.SIGKILL)
    (drive,) = tmp_path.iterdir()
    whole = (drive / "frames.jsonl").read_bytes().count(b"\n")
    assert whole >= written
    assert all(Path(row[0]).read_bytes() == JPEG for row in rows(drive)[:written])


def test_the_folder_is_made_and_checked_beforehand(tmp_path):
    check_recordable(tmp_path / "new" / "drives")
    assert list((tmp_path / "new" / "drives").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Cannot record to"):
        check_recordable(tmp_path / "file")


def test_a_disk_that_cannot_keep_up_loses_frames_and_holds_nobody_up(tmp_path):
    recorder = Recorder(tmp_path, "1")
    begin_s = time.monotonic()
    for number in range(5000):
        recorder.record(frame(number))
    assert time.monotonic() - begin_s < 30
    recorder.close()
    recorder.wait_closed(60)
    assert 64 <= len(entries(recorder.drive)) <= 5000


def test_a_system_without_a_thread_left_stops_the_recording_only(tmp_path, monkeypatch, caplog):
    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    recorder = Recorder(tmp_path, "car")
    for number in range(2):
        recorder.record(frame(number))
    recorder.close()
    recorder.wait_closed(1)
    assert not list(tmp_path.iterdir())
    (warning,) = caplog.records
    assert "can't start new thread" in str(warning.fields["why"])


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_drive_leaves_no_file_open(tmp_path):
    recorded(tmp_path, frame())
    still_open = [link.resolve() for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in still_open if path.is_relative_to(tmp_path.resolve())]


def test_files_that_cannot_be_closed_hold_nobody_up(tmp_path, monkeypatch, caplog):
    closed = []

    def close(descriptor):
        closed.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    recorder = Recorder(tmp_path, "car")
    recorder.record(frame(0))
    assert recorder.wait_written(30)
    with monkeypatch.context() as patch:
        patch.setattr(recorder_module.os, "close", close)
        recorder.close()
        recorder.wait_closed(30)
    for descriptor in closed:
        os.close(descriptor)
    assert len(closed) == 2
    (warning,) = caplog.records
    assert warning.fields["why"] == "Input/output error"
    recorder.record(frame(1))
    assert recorder.wait_written(0)


class HangingDisk:
    """Writes no image before it is ready."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ready = threading.Event()

    def write(self, *_) -> None:
        self.begun.set()
        self.ready.wait(30)


@pytest.fixture
def hanging_disk(monkeypatch) -> Iterator[HangingDisk]:
    disk = HangingDisk()
    monkeypatch.setattr(recorder_module, "_write_new", disk.write)
    yield disk
    disk.ready.set()


def test_a_frame_that_is_being_written_is_not_written_yet(tmp_path, hanging_disk):
    recorder = Recorder(tmp_path, "1")
    recorder.record(frame())
    assert hanging_disk.begun.wait(30)
    assert not recorder.wait_written(0.05)
    hanging_disk.ready.set()
    assert recorder.wait_written(30)
    recorder.close()


def test_a_disk_that_hangs_holds_nobody_up_at_the_end(tmp_path, hanging_disk):
    recorder = Recorder(tmp_path, "1")
    recorder.record(frame())
    assert hanging_disk.begun.wait(30)
    recorder.close()
    begin_s = time.monotonic()
    recorder.wait_closed(0.1)
    assert time.monotonic() - begin_s < 10
    assert recorder._thread.daemon


def test_a_disk_that_cannot_keep_up_is_told_of_once(tmp_path, hanging_disk, caplog):
    recorder = Recorder(tmp_path, "1")
    for number in range(recorder_module.BACKLOG_MAX + 5):
        recorder.record(frame(number))
    hanging_disk.ready.set()
    recorder.close()
    recorder.wait_closed(30)
    assert [record.message for record in caplog.records] == ["disk too slow, frames left out"]
    assert recorder_module.BACKLOG_MAX <= len(rows(recorder.drive)) <= recorder_module.BACKLOG_MAX + 1
