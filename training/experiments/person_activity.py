"""What a person does, from the places of four tags on the body."""

from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from models.errors import UserError
from training.experiments.data_folder import data_file
from training.experiments.models.attention import FAIR_PAIRS
from training.experiments.models.field import FIELD
from training.experiments.scores import ACCURACY
from training.experiments.sequences import Fold, Sequences, complete, join, split
from training.experiments.signals import dense_encoder
from training.experiments.study import Budget, Experiment, Size, Study

ABOUT = """\
The UCI data set "Localization Data for Person Activity": five people with four tags each, whose coordinates
arrive at irregular times, one tag at a time; eleven activities. "Rows of person B" is the paper's split:
the activity at single rows, drawn at random, of which neighbours are trained on; here a row comes with the
seven before it. "By sequence" is that of the literature: 50 time points, the activity at each of them,
split by sequence; sequences do not overlap. Each seed chooses its learning rates within its own fold."""

FILE = "ConfLongDemo_JSI.txt"
SOURCE = 'the UCI Machine Learning Repository, data set 196 "Localization Data for Person Activity",'
TAGS = ("010-000-024-033", "010-000-030-096", "020-000-032-221", "020-000-033-111")
ACTIVITIES = (
    "walking",
    "falling",
    "lying down",
    "lying",
    "sitting down",
    "sitting",
    "standing up from lying",
    "on all fours",
    "sitting on the ground",
    "standing up from sitting",
    "standing up from sitting on the ground",
)
TICKS_PER_S = 1e7
POINTS = 50
HISTORY = 8

Entry = tuple[int, list[float], int]


class Recording(NamedTuple):
    """What the tags of one person sent in one session.

    Attributes:
        name: A letter for the person and a number for the session.
        features: Which tag it was, one-hot, and its place in metres: `(R, 7)`.
        times_s: Time since the first row in seconds, `(R,)`.
        activities: Indices into `ACTIVITIES`, `(R,)`.
    """

    name: str
    features: np.ndarray
    times_s: np.ndarray
    activities: np.ndarray


def read(path: Path) -> list[Recording]:
    """Reads the file as the repository gives it.

    Its rows have no header: sequence name, tag, time stamp in ticks of 100 ns, date, x, y, z, activity.

    Raises:
        UserError: The file cannot be read, or a row is not of this format.
    """
    rows: dict[str, list[Entry]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            name, entry = _entry(line.decode("utf-8-sig"))
        except ValueError as error:
            raise UserError(
                f"Line {number} of {path} is no row of the UCI file ({error}): download the file again."
            ) from error
        rows.setdefault(name, []).append(entry)
    return [_recording(name, sorted(entries, key=lambda entry: entry[0])) for name, entries in rows.items()]


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): download the file again.") from error


def _entry(line: str) -> tuple[str, Entry]:
    """Returns the sequence name of a row and what is kept of it: ticks, features, activity."""
    name, tag, ticks, _date, x, y, z, activity = (cell.strip() for cell in line.split(","))
    place = [float(x), float(y), float(z)]
    if not (name and tag in TAGS and np.isfinite(place).all()):
        raise ValueError("it needs a sequence name, one of the four tags and finite coordinates")
    code = [float(tag == known) for known in TAGS]
    return name, (int(ticks), [*code, *place], ACTIVITIES.index(activity))


def _recording(name: str, entries: list[Entry]) -> Recording:
    ticks, features, activities = zip(*entries, strict=True)
    # Ticks exceed what a float holds exactly, so they are subtracted as integers.
    times_s = np.array([tick - ticks[0] for tick in ticks]) / TICKS_PER_S
    return Recording(name, np.array(features), times_s, np.array(activities, np.int32))


def sequences(recording: Recording) -> Sequences:
    """Returns all whole sequences of `POINTS` rows that do not overlap, a target at each row."""
    count = len(recording.times_s) // POINTS
    rows = np.arange(count * POINTS).reshape(count, POINTS)
    times = recording.times_s[rows]
    return complete(recording.features[rows], times - times[:, -1:], recording.activities[rows])


def histories(recording: Recording) -> Sequences:
    """Returns each row with the `HISTORY - 1` before it, a target for the row."""
    ends = np.arange(HISTORY - 1, len(recording.times_s))
    rows = ends[:, None] + np.arange(1 - HISTORY, 1)
    times = recording.times_s[rows]
    return complete(recording.features[rows], times - times[:, -1:], recording.activities[ends])


def _path(data: Path | None) -> Path:
    return data_file(FILE, SOURCE, data)


@lru_cache
def _load(data: Path | None) -> list[Recording]:
    return read(_path(data))


def _by_sequence(data: Path | None, seed: int) -> Fold:
    return _split([sequences(recording) for recording in _load(data)], f"sequences of {POINTS} rows", seed)


def _rows_of_b(data: Path | None, seed: int) -> Fold:
    chosen = [recording for recording in _load(data) if recording.name.startswith("B")]
    return _split([histories(recording) for recording in chosen], "rows of person B", seed)


def _split(parts: list[Sequences], what: str, seed: int) -> Fold:
    count = sum(map(len, parts))
    if count < len(Fold._fields):
        raise UserError(f"{FILE} holds {count} {what}, too few to split: download the file again.")
    return split(join(parts), np.random.default_rng(seed))


def experiment(data: Path | None) -> Experiment:
    """Returns the experiment; `data` is the folder with the data."""
    studies = tuple(
        Study(
            dataset="person activity",
            protocol=protocol,
            fold=partial(fold, data),
            contenders=FIELD,
            metrics=(ACCURACY,),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            outputs=len(ACTIVITIES),
            encode=dense_encoder,
            size=Size(units=32, heads=4, time_scale=0.1),
            every_step=every_step,
            own_rates=True,
        )
        for protocol, fold, every_step in (
            ("by sequence", _by_sequence, True),
            ("rows of person B", _rows_of_b, False),
        )
    )
    budget = Budget(epochs=20, batch_size=64, rates=(1e-3, 3e-3), tuning_epochs=7)
    return Experiment("person-activity", ABOUT, studies, budget, FAIR_PAIRS, data=partial(_path, data))
