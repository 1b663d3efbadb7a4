"""Reads what the simulator's training mode recorded: `driving_log.csv`, and the camera frames in `IMG/`."""

import codecs
import csv
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.recorder import IMAGES_NAME, LOG_NAME
from models.errors import UserError
from sim_bridges.udacity.camera import FRAME_SHAPE, BrokenFrameError, decode_frame
from sim_bridges.udacity.dialect import MPS_PER_MPH
from sim_bridges.udacity.path import DrivenPath
from sim_bridges.udacity.recording.log_rows import HEADER, LogRow, is_header, names_known_columns, parse_row
from sim_bridges.udacity.recording.suspicious import Columns, Mask, suspicious_rows

CAMERAS = ("center", "left", "right")

UNREADABLE = "unreadable row"
NO_TIME = "no time in the image's name"
NO_IMAGE = "image missing"
BROKEN_IMAGE = "image broken"
ODD_IMAGE = "image not 320x160"

OUT_OF_ORDER_SHARE = 0.02
"""Steps back in time beyond which the log is out of order; one or two come with clocks that were set."""

_TIME = re.compile(r"(\d{4}(?:_\d{2}){5}_\d{3})\.\w+$")

Floats = NDArray[np.float64]
Images = tuple[Path | None, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows of a recording, in the order of the log.

    Attributes:
        folder: The folder that holds `driving_log.csv`.
        rows: Row numbers in the log, from 0, header and empty lines not counted, shape `(N,)`.
        time_s: Moments of the frames in seconds since the recording's first one, from the images' names.
        steering: -1 (left) to 1 (right).
        throttle: 0 to 1.
        brake: 0 to 1.
        speed_mps: Speed in metres per second.
        images: For each camera the images' paths. A center image is always there; one of a side camera is
            None where it is missing or broken, since recordings of a drive by `serve` have none.
        suspicious: For each kind of row that is no driving which rows are of that kind, judged with what
            came before and after in the whole recording.
        skipped: How many rows or side images were left out, by reason.
    """

    folder: Path
    rows: NDArray[np.int64]
    time_s: Floats
    steering: Floats
    throttle: Floats
    brake: Floats
    speed_mps: Floats
    images: Mapping[str, Images]
    suspicious: Mapping[str, Mask]
    skipped: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, index: int, camera: str = "center") -> NDArray[np.uint8]:
        """Returns a camera frame, RGB, uint8, shape `(160, 320, 3)`.

        Args:
            index: Index within this recording's arrays.
            camera: `center`, `left` or `right`.

        Raises:
            UserError: There is none, or it cannot be decoded.
        """
        path = self.images[camera][index]
        if path is None:
            raise UserError(f"Row {self.rows[index]} of {self.folder} has no image of the {camera} camera.")
        try:
            image = decode_frame(path.read_bytes())
        except (OSError, BrokenFrameError) as error:
            raise UserError(f"The image {path} cannot be read ({error}): remove it and its row.") from None
        if image.shape != FRAME_SHAPE:
            raise UserError(f"The image {path} has shape {image.shape}: record frames of 320x160.")
        return image

    def path(self) -> DrivenPath:
        """Returns the line that the recorded car drove."""
        return DrivenPath.integrate(self.time_s, self.steering, self.speed_mps)

    def take(self, indices: slice | NDArray[np.int64]) -> "Recording":
        """Returns the recording of these indices only; times stay as they are."""
        chosen = np.arange(len(self))[indices]
        return replace(
            self,
            rows=self.rows[chosen],
            time_s=self.time_s[chosen],
            steering=self.steering[chosen],
            throttle=self.throttle[chosen],
            brake=self.brake[chosen],
            speed_mps=self.speed_mps[chosen],
            images={name: tuple(paths[i] for i in chosen) for name, paths in self.images.items()},
            suspicious={kind: mask[chosen] for kind, mask in self.suspicious.items()},
        )

    def select(self, first_row: int | None = None, last_row: int | None = None) -> "Recording":
        """Returns the rows from `first_row` to before `last_row`, by their numbers in the log, like a slice.

        Negative numbers count from behind the last row; None is the beginning or the end.
        """
        end = int(self.rows[-1]) + 1 if len(self) else 0
        first, stop, _ = slice(first_row, last_row).indices(end)
        return self.take(np.flatnonzero((self.rows >= first) & (self.rows < stop)))


@dataclass(frozen=True, slots=True)
class _Sample:
    """A row of the log whose center image is there."""

    number: int
    values: LogRow
    moment: datetime
    images: Images
    checksum: int


def read_recording(folder: Path) -> Recording:
    """Reads a recording; images are decoded to see whether they are whole, but not kept.

    The paths in the log are those of the machine that recorded; the images are looked for by their names in
    `IMG/`. Rows that cannot be used are counted and left out.

    Args:
        folder: The folder that holds `driving_log.csv` and `IMG/`.

    Raises:
        UserError: There is no such log, it has other columns, its rows are in no order, or less than two of
            them can be used.
    """
    skipped: Counter[str] = Counter()
    samples = _samples(folder, skipped)
    if len(samples) < 2:
        raise UserError(_too_short(folder, len(samples), skipped))
    begin = samples[0].moment
    times_s = np.array([(sample.moment - begin).total_seconds() for sample in samples])
    if np.sum(np.diff(times_s) < 0) > max(2, OUT_OF_ORDER_SHARE * len(times_s)):
        raise UserError(
            f"The rows of {folder / LOG_NAME} are not in the order of their times: sort them by the name of "
            "the center image."
        )
    columns = Columns(
        time_s=times_s,
        steering=_column(samples, lambda row: row.steering),
        throttle=_column(samples, lambda row: row.throttle),
        brake=_column(samples, lambda row: row.brake),
        speed_mps=_column(samples, lambda row: row.speed_mph) * MPS_PER_MPH,
        checksums=np.array([sample.checksum for sample in samples]),
    )
    return Recording(
        folder=folder,
        rows=np.array([sample.number for sample in samples]),
        time_s=columns.time_s,
        steering=columns.steering,
        throttle=columns.throttle,
        brake=columns.brake,
        speed_mps=columns.speed_mps,
        images={name: tuple(s.images[place] for s in samples) for place, name in enumerate(CAMERAS)},
        suspicious=suspicious_rows(columns),
        skipped=dict(skipped),
    )


def _samples(folder: Path, skipped: Counter[str]) -> list[_Sample]:
    lines = _lines(folder / LOG_NAME)
    if lines and is_header(lines[0]):
        header = lines.pop(0)
        if not names_known_columns(header):
            raise UserError(
                f"The columns of {folder / LOG_NAME} are {', '.join(header)}: a recording of the simulator "
                f"has {', '.join(HEADER)}."
            )
    samples: list[_Sample] = []
    values: LogRow | None = None
    for number, line in enumerate(lines):
        row = parse_row(line, values)
        if row is None:
            skipped[UNREADABLE] += 1
            continue
        values = row
        moment = _moment(row.images[0])
        if moment is None:
            skipped[NO_TIME] += 1
            continue
        center, *sides = row.images
        image = _image(folder, center, skipped)
        if image is not None:
            images = (image, *(_image(folder, side, skipped, "side ") for side in sides))
            samples.append(_Sample(number, row, moment, images, zlib.crc32(image.read_bytes())))
    return samples


def _lines(log: Path) -> list[list[str]]:
    try:
        with log.open("rb") as start:
            is_utf16 = start.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding = "utf-16" if is_utf16 else "utf-8-sig"
        with log.open(newline="", encoding=encoding, errors="replace") as file:
            return [line for line in csv.reader(file) if any(field.strip() for field in line)]
    except (FileNotFoundError, NotADirectoryError):
        deeper = sorted(str(found.parent) for found in log.parent.glob(f"*/{LOG_NAME}"))
        raise UserError(
            f"There is no {LOG_NAME} in {log.parent}: give the folder into which the simulator recorded"
            + (f", for example {deeper[-1]}." if deeper else ".")
        ) from None
    except OSError as error:
        raise UserError(f"{log} cannot be read ({error.strerror}): make it a readable file.") from None
    except csv.Error as error:
        raise UserError(f"{log} is no CSV file ({error}): give another recording.") from None


def _moment(path: str) -> datetime | None:
    """Returns the time in an image's name."""
    found = _TIME.search(path)
    if found is None:
        return None
    try:
        return datetime.strptime(f"{found[1]}000", "%Y_%m_%d_%H_%M_%S_%f")
    except ValueError:
        return None


def _image(folder: Path, recorded: str, skipped: Counter[str], camera: str = "") -> Path | None:
    """Returns where a camera's image lies; None, and a count, where it is not usable."""
    name = re.split(r"[\\/]", recorded)[-1]
    if not name:
        return None
    path = folder / IMAGES_NAME / name
    try:
        shape = decode_frame(path.read_bytes()).shape
    except FileNotFoundError:
        skipped[camera + NO_IMAGE] += 1
        return None
    except (OSError, ValueError):  # The name itself may be broken, with a NUL in it.
        skipped[camera + BROKEN_IMAGE] += 1
        return None
    if shape != FRAME_SHAPE:
        skipped[camera + ODD_IMAGE] += 1
        return None
    return path


def _column(samples: list[_Sample], value: Callable[[LogRow], float]) -> Floats:
    return np.array([value(sample.values) for sample in samples], np.float64)


def _too_short(folder: Path, usable: int, skipped: Counter[str]) -> str:
    """Returns why there is nothing to drive along, in one sentence."""
    log = folder / LOG_NAME
    reasons = ", ".join(f"{reason}: {count}" for reason, count in skipped.most_common())
    if set(skipped) and set(skipped) <= {UNREADABLE, NO_TIME} and not usable:
        return (
            f"The rows of {log} are not those of the simulator ({reasons}): it writes {', '.join(HEADER)}, "
            "with the time in the images' names."
        )
    found = "one usable row" if usable == 1 else "no usable row"
    left_out = f" (left out: {reasons})" if reasons else ""
    return f"{log} has {found}{left_out}: at least two rows with their images in {IMAGES_NAME}/ are needed."
