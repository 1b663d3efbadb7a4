"""The lines of a `driving_log.csv`, from a machine of any culture.

The simulator puts commas between the fields and writes the numbers with the machine's culture. Where that has
a comma as its decimal separator, four numbers become up to eight fields, without a sign which of them belong
together. What the simulator can record decides: steering within -1..1, throttle and brake within 0..1 and
never both, numbers as .NET writes them. Where several readings remain, the row before decides.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim_bridges.udacity.numbers import NotANumberError, read_number

HEADER = ("center", "left", "right", "steering", "throttle", "brake", "speed")

# No zeros in front or behind, and one digit before the comma where there is an exponent.
_WRITTEN = re.compile(r"[-\u2212]?(?:(?:0|[1-9]\d*)(?:,\d*[1-9])?|[1-9](?:,\d*[1-9])?[eE][-+]?\d+)")

_IMAGE_NAME = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)

_IMAGES = 3
_NUMBERS = 4
_SPEED_MAX_MPH = 100.0


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row.

    Attributes:
        images: Paths of the center, left and right image as they stand there, each of them maybe empty.
        steering: -1 (left) to 1 (right).
        throttle: 0 to 1.
        brake: 0 to 1.
        speed_mph: Speed in miles per hour.
    """

    images: tuple[str, str, str]
    steering: float
    throttle: float
    brake: float
    speed_mph: float


def is_header(fields: Sequence[str]) -> bool:
    """Says whether a line holds names of columns: no digit, which each row of values has."""
    return not any(character.isdigit() for field in fields for character in field)


def names_known_columns(fields: Sequence[str]) -> bool:
    """Says whether a header names the columns of a driving log, maybe with empty ones of a spreadsheet."""
    return tuple(_without_empty_end([field.strip().lower() for field in fields])) == HEADER


def parse_row(fields: Sequence[str], before: LogRow | None = None) -> LogRow | None:
    """Returns what a line says, or None where it is no line of a driving log.

    Args:
        fields: The line's fields.
        before: The row before, which decides where a comma-decimal line can be read in several ways.
    """
    center, left, right, *numbers = _with_whole_paths([field.strip() for field in fields])
    if not _NUMBERS <= len(numbers) <= 2 * _NUMBERS:
        return None
    candidates = [LogRow((center, left, right), *values) for values in _readings(numbers)]
    if before is None or len(candidates) < 2:
        return candidates[0] if candidates else None
    return min(candidates, key=lambda row: _distance(row, before))


def _with_whole_paths(fields: list[str]) -> list[str]:
    """Returns the fields of a line with the images' paths in the first three, also where they hold commas.

    Empty fields at the end, which spreadsheets add, are left out.
    """
    fields = _without_empty_end(fields)
    ends = [place for place, field in enumerate(fields) if _IMAGE_NAME.search(field)][:_IMAGES]
    if len(ends) == _IMAGES:
        starts = [0, *(end + 1 for end in ends)]
        paths = [",".join(fields[start : end + 1]) for start, end in zip(starts, ends, strict=False)]
        return [*paths, *fields[starts[-1] :]]
    return fields + [""] * (_IMAGES - len(fields))


def _without_empty_end(fields: list[str]) -> list[str]:
    while fields and not fields[-1]:
        fields = fields[:-1]
    return fields


def _readings(fields: list[str]) -> Iterator[tuple[float, float, float, float]]:
    """Yields each way in which the fields make four numbers that the simulator can have recorded."""
    for split in itertools.combinations(range(_NUMBERS), len(fields) - _NUMBERS):
        rest = iter(fields)
        texts = [f"{next(rest)},{next(rest)}" if place in split else next(rest) for place in range(_NUMBERS)]
        if split and not all(map(_WRITTEN.fullmatch, texts)):
            continue
        try:
            steering, throttle, brake, speed_mph = (read_number(text) for text in texts)
        except NotANumberError:
            continue
        possible = abs(steering) <= 1 and 0 <= throttle <= 1 and 0 <= brake <= 1
        if split and min(throttle, brake) > 0:
            continue
        if possible and abs(speed_mph) <= _SPEED_MAX_MPH:
            yield steering, throttle, brake, abs(speed_mph)


def _distance(row: LogRow, other: LogRow) -> float:
    """Returns how far two rows are apart; a tenth of a second changes no speed by much."""
    return (
        abs(row.steering - other.steering)
        + abs(row.throttle - other.throttle)
        + abs(row.brake - other.brake)
        + abs(row.speed_mph - other.speed_mph)
    )
