"""Recordings of drives, in the simulator's own format and with what the service knows besides.

A drive becomes a folder of its own: `IMG/` with the camera frames, `driving_log.csv` as the simulator's
training mode writes it, and `frames.jsonl` with time stamps, latencies, states and the raw output of the
network. Each frame is written by plain system calls before the next one is answered, unless that takes longer
than 50 ms, so that a killed process seldom loses more than the last frame.
"""

import contextlib
import json
import logging
import math
import os
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from controller.interface import Command
from controller.logs import log
from models.errors import UserError

MPH_PER_MPS = 1 / 0.44704
BACKLOG_MAX = 64

LOG_NAME = "driving_log.csv"
IMAGES_NAME = "IMG"
_JSONL_NAME = "frames.jsonl"


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """What is recorded of one frame.

    Attributes:
        wall_time: Local time at which the frame came.
        time_s: The same on the service's clock, in seconds.
        jpeg: The camera frame as it came; None where it was broken or the deadline passed first.
        state: The safety envelope's state.
        failure: Why there was no proposal; None where there was one.
        speed_mps: Measured speed.
        steering: Measured steering.
        proposal: Raw output of the policy.
        command: What the vehicle was told.
        latency_ms: Milliseconds by stage.
    """

    wall_time: datetime
    time_s: float
    jpeg: bytes | None
    state: str
    failure: str | None
    speed_mps: float | None
    steering: float | None
    proposal: Command | None
    command: Command
    latency_ms: dict[str, float]


class Recorder:
    """Writes one drive; nothing is created before its first frame.

    Args:
        folder: The folder in which the drive gets a folder of its own.
        vehicle: Name of the vehicle, for the folder's name and the log.
    """

    def __init__(self, folder: Path, vehicle: str) -> None:
        self._folder = folder
        self._vehicle = vehicle
        self._backlog: deque[RecordedFrame] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self._closed = False
        self._failed = False
        self._has_gap = False
        self._thread: threading.Thread | None = None
        self.drive: Path | None = None

    def record(self, frame: RecordedFrame) -> None:
        """Has a frame written, without waiting for it; on a disk that cannot keep up, frames are left out."""
        with self._changed:
            if self._failed or self._closed:
                return
            if len(self._backlog) >= BACKLOG_MAX:
                self._tell_of_gap()
                return
            if self._thread is None and not self._start():
                return
            self._backlog.append(frame)
            self._changed.notify_all()

    def wait_written(self, timeout_s: float) -> bool:
        """Waits until all frames are written, for a bounded time, and says whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._backlog and not self._writing, timeout_s)

    @property
    def alive(self) -> bool:
        """Whether a drive has begun and its files are open."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Has what is left written and the files closed, without waiting for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_closed(self, timeout_s: float) -> None:
        """Waits after `close` until the files are closed, for a bounded time: a disk may hang."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _start(self) -> bool:
        """Starts the thread and says whether the system let it."""
        thread = threading.Thread(target=self._run, name=f"recorder-{self._vehicle}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._failed = True
            self._give_up(error)
            return False
        self._thread = thread
        return True

    def _tell_of_gap(self) -> None:
        """Says once for each drive that it will not be whole."""
        if not self._has_gap:
            self._has_gap = True
            log(logging.WARNING, "disk too slow, frames left out", vehicle=self._vehicle, folder=self._folder)

    def _give_up(self, why: object) -> None:
        log(
            logging.WARNING,
            "recording stopped, driving goes on",
            vehicle=self._vehicle,
            folder=self._folder,
            why=why,
        )

    def _run(self) -> None:
        try:
            self._write_drive()
        except OSError as error:
            self._give_up(error.strerror or error)
        finally:
            with self._changed:
                self._failed = True
                self._writing = False
                self._backlog.clear()
                self._changed.notify_all()

    def _write_drive(self) -> None:
        with contextlib.ExitStack() as stack:
            files: _DriveFiles | None = None
            while (frame := self._next()) is not None:
                if files is None:
                    files = _DriveFiles(self._folder, self._vehicle, frame)
                    stack.callback(files.close)
                    self.drive = files.drive
                files.write(frame)

    def _next(self) -> RecordedFrame | None:
        """Waits for the next frame; returns None at the end."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._backlog or self._closed)
            if not self._backlog:
                return None
            self._writing = True
            return self._backlog.popleft()


def check_recordable(folder: Path) -> None:
    """Makes the folder if need be and makes sure that recordings can be written there.

    Raises:
        UserError: They cannot.
    """
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        probe.unlink()
    except OSError as error:
        raise UserError(f"Cannot record to {folder}: {error.strerror}.") from None


class _DriveFiles:
    """The files of one drive, in a new folder.

    Its images are named by the service's clock from the first frame on: local time may jump.
    """

    def __init__(self, folder: Path, vehicle: str, first: RecordedFrame) -> None:
        self.drive = _new_folder(folder, f"{first.wall_time:%Y-%m-%d_%H-%M-%S}_{vehicle}")
        self._first = first
        self._images = self.drive / IMAGES_NAME
        self._images.mkdir()
        self._log = _open_log(self.drive / LOG_NAME)
        self._jsonl = _open_log(self.drive / _JSONL_NAME)
        self._last_time = datetime.min

    def write(self, frame: RecordedFrame) -> None:
        """Writes the image first, so that each line of the logs has its image."""
        image = None
        if frame.jpeg is not None:
            since_first = timedelta(seconds=frame.time_s - self._first.time_s)
            image = self._images / _image_name(self._unique_time(self._first.wall_time + since_first))
            _write_new(image, frame.jpeg)
            _append(self._log, _csv_line(image.resolve(), frame))
        _append(self._jsonl, _json_line(image, frame))

    def close(self) -> None:
        try:
            os.close(self._log)
        finally:
            os.close(self._jsonl)

    def _unique_time(self, moment: datetime) -> datetime:
        """Returns the moment, or the first free millisecond after the last image: its name is the time."""
        whole_ms = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        if whole_ms <= self._last_time:
            whole_ms = self._last_time + timedelta(milliseconds=1)
        self._last_time = whole_ms
        return whole_ms


def _new_folder(folder: Path, name: str) -> Path:
    """Makes a folder that was not there, with a number behind its name where the name is taken."""
    for number in range(1, 10_000):
        drive = folder / (name if number == 1 else f"{name}_{number}")
        try:
            drive.mkdir(parents=True)
        except FileExistsError:
            continue
        return drive
    raise OSError(f"{folder} has too many drives named {name}")


def _image_name(moment: datetime) -> str:
    return f"center_{moment:%Y_%m_%d_%H_%M_%S}_{moment.microsecond // 1000:03d}.jpg"


def _csv_line(image: Path, frame: RecordedFrame) -> bytes:
    """Returns the line of the training mode: center, left, right, steering, throttle, brake, speed in mph."""
    speed_mph = (frame.speed_mps or 0.0) * MPH_PER_MPS
    values: Sequence[float] = (frame.command.steering, frame.command.gas, frame.command.brake, speed_mph)
    path = str(image)
    if set(path) & set(',"\n'):
        path = '"' + path.replace('"', '""') + '"'
    return os.fsencode(",".join([path, "", "", *(f"{value:.6f}" for value in values)])) + b"\n"


def _json_line(image: Path | None, frame: RecordedFrame) -> bytes:
    entry = {
        "image": image.name if image is not None else None,
        "wall_time": frame.wall_time.astimezone().isoformat(timespec="milliseconds"),
        "time_s": frame.time_s,
        "state": frame.state,
        "failure": frame.failure,
        "speed_mps": frame.speed_mps,
        "steering": frame.steering,
        "proposal": _printable(frame.proposal),
        "command": _printable(frame.command),
        "latency_ms": frame.latency_ms,
    }
    return json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _printable(command: Command | None) -> dict[str, float | str] | None:
    """Returns a command as JSON values; JSON has no NaN, so what is not finite becomes text."""
    if command is None:
        return None
    return {
        name: value if math.isfinite(value) else str(value)
        for name, value in ((name, float(value)) for name, value in asdict(command).items())
    }


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)


def _write_new(path: Path, content: bytes) -> None:
    """Writes a file that was not there; leaves none behind if that fails."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _write_all(file, content)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


def _append(file: int, line: bytes) -> None:
    """Appends a line; leaves no half of one behind if that fails."""
    end = os.fstat(file).st_size
    try:
        _write_all(file, line)
    except OSError:
        os.ftruncate(file, end)
        raise


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
