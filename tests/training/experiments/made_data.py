"""Files in the formats of data sets that are not in the project."""

import gzip

import numpy as np

from training.experiments import person_activity
from training.experiments.remaining_useful_life import XJTU


def write_bearing(path, rows, life_minutes):
    names = [
        f"{axis}_{kind}" for axis in "hv" for kind in ("energy", "dom", "ent", "kurt", "skew", "mean", "std")
    ]
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 14)) * 1e5
    seconds = np.arange(rows) * XJTU.row_s
    minutes = np.ceil(life_minutes - seconds / 60)
    with gzip.open(path, "wt") as file:
        file.write(",".join([*names, "RUL", "Time"]) + "\n")
        for row, rul, second in zip(features, minutes, seconds, strict=True):
            file.write(",".join(f"{value:.6g}" for value in (*row, rul, second)) + "\n")


def write_activity(path, rows_of):
    """Writes rows of the UCI format: for each sequence name a number of rows, 30 ms apart."""
    rng = np.random.default_rng(0)
    lines = []
    for name, count in rows_of.items():
        for row in range(count):
            ticks = 633790226051280329 + 300_000 * row
            x, y, z = rng.normal(size=3)
            tag = person_activity.TAGS[row % 4]
            activity = person_activity.ACTIVITIES[row // 20 % 11]
            lines.append(f"{name},{tag},{ticks},27.05.2009 14:03:25:127,{x},{y},{z},{activity}")
    path.write_text("\n".join(lines) + "\n")
