"""How long bearings will still run, from features of their vibration."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from models.errors import UserError
from training.experiments.data_folder import data_file
from training.experiments.models.attention import FAIR_PAIRS, LAN_TIMED, MEAN_TIMED, SOFTMAX_TIMED
from training.experiments.models.field import FIELD
from training.experiments.scores import Metric, asymmetric, rmse
from training.experiments.sequences import Fold, Sequences, complete, join
from training.experiments.signals import dense_encoder
from training.experiments.study import Budget, Contender, Experiment, Size, Study

ABOUT = """\
Bearings that ran until they failed: PRONOSTIA (IEEE PHM 2012; 1_1, 1_5 and 1_6 are reconstructed, their
degradation label approximates the authors'; 1_1 to 3_3 are all there), XJTU-SY (1_1 to 1_5, 2_2, 2_4 and
3_5) and HUST (1 and 6). A window is 16 rows drawn from the last 256, the newest among them, with their real
times. The network gives degradation (0 to 1; XJTU-SY has no such label: the share of life that is over) and
the remaining life in hours. "Random rows" is the paper's protocol, single rows split at random: of one row
every attention is the same linear layer, so both forms of LAN, softmax and mean pooling differ there by
chance alone, and those that would read a time code are left out. "Random windows" is that split of windows.
In both neighbours of what is tested are trained on, so they measure interpolation. "By bearing" tests on
bearings of which neither the weights nor the learning rate, which each seed chooses for itself there, have
seen anything; each seed has others. It validates on yet others; HUST has two bearings only, so there the
seeds test on them in turn, and a fifth of the other one's life, in blocks that no window of training
reaches into, validates. A row alone says much about the bearing, so three layers encode each and the head
has a hidden one: with less, a layer that only averages leaves the network all but linear, and a table
compares what layers bring along besides their view of time. The score is the paper's asymmetric one (early
exp(-e/13) - 1, late exp(e/10) - 1, summed over batches of 64, averaged over batches) with e in percent of
the bearing's life, since its unit is not stated; so no figure here compares with published ones. Hours:
PRONOSTIA recorded 0.1 s of every 10 s and XJTU-SY 1.28 s of every minute; HUST's file gives no such plan,
so its hours are those of the recorded signal."""

FINDINGS = """\
On random rows, which ten seeds have run (`--seeds 10`), there is little to tell models apart: the four that
are one function lie from 0.80 to 0.89 h on PRONOSTIA, where one of them chose a rate of 0.03, and from
0.229 to 0.236 h on XJTU-SY. In RMSE of the remaining life nobody is better than "LAN, elapsed" by more than
a standard deviation but GRU and LTC on HUST. Windows of 16 rows instead bring the error of "LAN, elapsed"
to 0.33, 0.39 and 0.51 of that (XJTU-SY, PRONOSTIA, HUST).

In RMSE of the remaining life on random windows "LAN, elapsed" is below both layers of keras-nac in all
three sets, on XJTU-SY by less than one standard deviation and because their LAN chose the largest rate:
with 0.01 it reached 0.073. Below LSTM and GRU it is on HUST alone, and there by less than one. The largest
rate, 0.03, is chosen by four of the 48 lines there (on XJTU-SY "LAN, published", GRU-D and LAN of
keras-nac, on HUST NAC of keras-nac), and each had been better with 0.01: trials of seven epochs do not show
that one of three trainings of "LAN, published" and of NAC then fails. By bearing 26 lines choose it under
some seed; most differences there are within the spread of the seeds, and the scores hang on single late
windows.

What windows give is an average over the noise of single rows: a residual connection from the newest row
makes LAN, softmax and mean pooling worse in all three sets, and LAN's trained attention is all but even.
With 100 epochs instead of 20, at a rate of 0.01, the error of "LAN, elapsed" falls to 0.033 h on XJTU-SY
and 0.18 h on PRONOSTIA; it is level with GRU, softmax and mean pooling there too, with LSTM on XJTU-SY, and
below LSTM on PRONOSTIA by little more than one standard deviation."""

STEPS = 16
REACH = 256
COUNTS = (3000, 750, 1500)
"""Windows for training, validation and test."""

SHARE = 4
"""One bearing in so many is tested on."""

ORDER_SEED = 0
"""Seed of the order in which bearings are tested on."""

BLOCKS = 10
"""Blocks of a life of which some validate, where there are too few bearings."""
VALIDATION_BLOCKS = (2, 7)
FEWEST_ROWS = BLOCKS * (REACH + 1)
"""Of a bearing that is divided into blocks."""

FEWEST_BEARINGS = 2
"""One to learn from and one to test on."""

VIBRATION = 14
"""Columns of features of the vibration, which span many powers of ten."""

SOURCE = "the public files of the paper's authors"


class Bearing(NamedTuple):
    """A run to failure of R rows.

    Attributes:
        features: `(R, F)`.
        times_h: Time since the start in hours, `(R,)`.
        degradation: From 0 to 1, `(R,)`.
        remaining_h: Remaining life in hours, `(R,)`.
    """

    features: np.ndarray
    times_h: np.ndarray
    degradation: np.ndarray
    remaining_h: np.ndarray

    @property
    def life_h(self) -> float:
        """The time from the first row to the failure."""
        return float(self.remaining_h[0])


@dataclass(frozen=True, slots=True)
class Source:
    """A data set of bearings.

    Attributes:
        name: Its name in tables.
        pattern: Its files.
        row_s: Seconds of real time between two rows.
    """

    name: str
    pattern: str
    row_s: float


# Rows are 500 samples at 25.6 kHz. PRONOSTIA has 2,560 samples every 10 s, XJTU-SY 32,768 a minute.
PRONOSTIA = Source("PRONOSTIA", "pronostia_*.csv.gz", 10 * 500 / 2560)
XJTU = Source("XJTU-SY", "xjtu_*.csv.gz", 60 * 500 / 32768)
HUST = Source("HUST", "hust_*.csv.gz", 500 / 25600)


def read(path: Path, row_s: float) -> Bearing:
    """Reads a bearing's file, whose rows are `row_s` seconds apart.

    Raises:
        UserError: It is not of the format, or too short for a window.
    """
    try:
        return _bearing(_columns(path), row_s)
    except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
        raise UserError(f"{path} is no run of a bearing ({error}): get it again from {SOURCE}.") from error


def _columns(path: Path) -> dict[str, np.ndarray]:
    """Returns the columns of a file by their names."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        rows = np.loadtxt(file, delimiter=",", ndmin=2)
    if len(rows) <= REACH:
        raise ValueError(f"{len(rows)} rows, where a window reaches back over {REACH}")
    if not np.isfinite(rows).all():
        raise ValueError("a number is not finite")
    return dict(zip(names, rows.T, strict=True))


def _bearing(columns: dict[str, np.ndarray], row_s: float) -> Bearing:
    vibration = np.stack(list(columns.values())[:VIBRATION], axis=1)
    features = [np.sign(vibration) * np.log1p(np.abs(vibration))]
    if "Temperature" in columns:
        features.append(columns["Temperature"][:, None])
    rows = len(vibration)
    times_h = np.arange(rows) * row_s / 3600
    if "RUL" in columns:
        if columns["RUL"][0] <= 0:
            raise ValueError("no life remains in its first row")
        # RUL counts whole minutes; a file may end before the failure.
        remaining_h = np.maximum(columns["RUL"][0] / 60 - times_h, 0)
        degradation = 1 - remaining_h / remaining_h[0]
    else:
        remaining_h = times_h[::-1].copy()
        degradation = columns["Degradation"]
    features.append(times_h[:, None])
    return Bearing(np.concatenate(features, axis=1), times_h, degradation, remaining_h)


def _folder(data: Path | None) -> Path:
    return data_file("rul", SOURCE, data)


@lru_cache
def _load(data: Path | None, source: Source) -> tuple[Bearing, ...]:
    folder = _folder(data)
    paths = sorted(folder.glob(source.pattern))
    if len(paths) < FEWEST_BEARINGS:
        raise UserError(
            f"{folder} holds {len(paths)} files {source.pattern}, and {FEWEST_BEARINGS} are the fewest: "
            f"get them from {SOURCE}."
        )
    return tuple(read(path, source.row_s) for path in paths)


def windows(bearing: Bearing, ends: np.ndarray, rng: np.random.Generator, steps: int = STEPS) -> Sequences:
    """Returns the windows of that many steps that end at the given rows, times and targets in hours."""
    ages = np.sort(rng.permuted(np.tile(np.arange(1, REACH), (len(ends), 1)), axis=1)[:, : steps - 1])[
        :, ::-1
    ]
    rows = ends[:, None] - np.concatenate([ages, np.zeros((len(ends), 1), int)], axis=1)
    times = bearing.times_h[rows] - bearing.times_h[ends][:, None]
    targets = np.stack([bearing.degradation[ends], bearing.remaining_h[ends]], axis=-1)
    return complete(bearing.features[rows], times, targets, reference=np.full(len(ends), bearing.life_h))


Part = tuple[Bearing, np.ndarray]
"""A bearing, and the rows at which windows of it may end."""


def _whole(bearing: Bearing) -> Part:
    return bearing, np.arange(REACH, len(bearing.times_h))


def in_blocks(bearing: Bearing, numbers: Iterable[int]) -> Part:
    """Returns the rows whose windows lie within the blocks of a life with these numbers.

    Raises:
        UserError: The blocks of so short a life hold no window.
    """
    rows = len(bearing.times_h)
    if rows < FEWEST_ROWS:
        raise UserError(
            f"A bearing has {rows} rows, and {FEWEST_ROWS} are the fewest to validate on parts of its life: "
            f"get longer ones, or more bearings, from {SOURCE}."
        )
    borders = np.linspace(0, rows, BLOCKS + 1).astype(int)
    return bearing, np.concatenate([np.arange(borders[n] + REACH, borders[n + 1]) for n in numbers])


def _draw(parts: list[Part], count: int, rng: np.random.Generator, steps: int = STEPS) -> Sequences:
    """Returns windows that end at random rows, as many of each part."""
    counts = np.diff(np.linspace(0, count, len(parts) + 1).astype(int))
    return join(
        [
            windows(bearing, rng.choice(ends, number, replace=number > len(ends)), rng, steps)
            for (bearing, ends), number in zip(parts, counts, strict=True)
        ]
    )


def _random(steps: int, data: Path | None, source: Source, seed: int) -> Fold:
    rng = np.random.default_rng(seed)
    drawn = _draw([_whole(bearing) for bearing in _load(data, source)], sum(COUNTS), rng, steps)
    parts = np.split(rng.permutation(len(drawn)), np.cumsum(COUNTS)[:-1])
    return scaled(Fold(*(drawn.take(part) for part in parts)))


def _by_bearing(data: Path | None, source: Source, seed: int) -> Fold:
    """Returns windows of other bearings for test and, where there are enough bearings, for validation."""
    rng = np.random.default_rng(seed)
    groups = zip(by_bearing(_load(data, source), seed), COUNTS, strict=True)
    # In any order, so that the first of them, by which attention is described, are of all bearings.
    return scaled(Fold(*(_draw(group, count, rng).take(rng.permutation(count)) for group, count in groups)))


def by_bearing(bearings: Sequence[Bearing], seed: int) -> tuple[list[Part], list[Part], list[Part]]:
    """Returns what the seed trains, validates and tests on; the next seed tests on the next bearings.

    Raises:
        UserError: There are few bearings, and one of them is too short to be divided.
    """
    tested = max(1, len(bearings) // SHARE)
    order = np.roll(np.random.default_rng(ORDER_SEED).permutation(len(bearings)), -seed * tested)
    test, others = ([bearings[n] for n in part] for part in np.split(order, [tested]))
    if len(others) > 2 * tested:
        validation, train = ([_whole(b) for b in part] for part in (others[:tested], others[tested:]))
    else:
        training_blocks = sorted({*range(BLOCKS)} - {*VALIDATION_BLOCKS})
        validation = [in_blocks(bearing, VALIDATION_BLOCKS) for bearing in others]
        train = [in_blocks(bearing, training_blocks) for bearing in others]
    return train, validation, [_whole(bearing) for bearing in test]


def scaled(fold: Fold) -> Fold:
    """Returns features standardised, and lives as shares of the longest one, by what is trained on.

    The reference then holds the life of each window's bearing and the longest life, in hours: `(N, 2)`.
    """
    mean = fold.train.features.mean(axis=(0, 1))
    deviation = fold.train.features.std(axis=(0, 1)) + 1e-9
    longest_h = fold.train.reference.max()

    def scale(part: Sequences) -> Sequences:
        return replace(
            part,
            features=(part.features - mean) / deviation,
            targets=part.targets / (1, longest_h),
            reference=np.stack([part.reference, np.full(len(part), longest_h)], axis=-1),
        )

    return Fold(*map(scale, fold))


def _errors(sequences: Sequences, predicted: np.ndarray) -> np.ndarray:
    """Returns the errors of degradation and of the remaining life in hours, `(N, 2)`."""
    return (predicted - sequences.targets) * np.stack(
        [np.ones(len(sequences)), sequences.reference[:, 1]], -1
    )


def _score(sequences: Sequences, predicted: np.ndarray) -> float:
    return asymmetric(100 * _errors(sequences, predicted)[:, 1] / sequences.reference[:, 0])


METRICS = (
    Metric("score", _score),
    Metric("RMSE of the remaining life (h)", lambda sequences, p: rmse(_errors(sequences, p)[:, 1])),
    Metric("RMSE of the degradation", lambda sequences, p: rmse(_errors(sequences, p)[:, 0])),
)


Split = Callable[[Path | None, Source, int], Fold]
"""Makes a seed's fold of the bearings of a source."""

TIMELESS = tuple(model for model in FIELD if model not in (LAN_TIMED, SOFTMAX_TIMED, MEAN_TIMED))
PROTOCOLS: tuple[tuple[str, Split, tuple[Contender, ...]], ...] = (
    ("by bearing", _by_bearing, FIELD),
    ("random windows", partial(_random, STEPS), FIELD),
    ("random rows", partial(_random, 1), TIMELESS),
)
"""Names of the ways to split, how they do it, and who takes part."""


def experiment(data: Path | None) -> Experiment:
    """Returns the experiment; `data` is the folder with the data."""
    studies = tuple(
        Study(
            dataset=source.name,
            protocol=protocol,
            fold=partial(split, data, source),
            contenders=contenders,
            metrics=METRICS,
            loss=keras.losses.MeanSquaredError(),
            outputs=2,
            encode=partial(dense_encoder, layers=3),
            size=Size(units=32, heads=4, time_scale=REACH / STEPS * source.row_s / 3600),
            hidden=64,
            own_rates=split is _by_bearing,
        )
        for protocol, split, contenders in PROTOCOLS
        for source in (XJTU, PRONOSTIA, HUST)
    )
    budget = Budget(epochs=20, rates=(1e-3, 3e-3, 1e-2, 3e-2), tuning_epochs=7)
    return Experiment(
        "remaining-useful-life",
        ABOUT,
        studies,
        budget,
        FAIR_PAIRS,
        data=partial(_folder, data),
        findings=FINDINGS,
    )
