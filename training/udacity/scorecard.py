"""The table of how well policies drive: `python -m training.udacity.scorecard --help`.

Every policy drives its rows of a recording at both speeds and under each disturbance, by the service's own
session on simulated time; beside it stand the errors of its steering on the recorded frames. Results go to
`udacity-scores.json` and `udacity-scores.md`, where those of other subjects stay, and to the manifests.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from controller.pixel_policy import PixelPolicy
from controller.runtime import limit_threads, load_network, manifest_of
from models.checkpoint import WEIGHTS_SUFFIX, Manifest, manifest_path, sha256_of
from models.errors import UserError
from models.files import check_writable, read_json, write_json, write_text
from sim_bridges.udacity.dialect import MPS_PER_MPH
from sim_bridges.udacity.replay.drives import by_policy, drive_all
from sim_bridges.udacity.replay.open_loop import open_loop
from sim_bridges.udacity.replay.options import DriveOptions
from sim_bridges.udacity.replay.report import report
from sim_bridges.udacity.replay.stretches import read_part, stretches
from sim_bridges.udacity.settings import session_settings

RESULTS = "udacity-scores.json"

NOTED = ("autonomy", "interventions", "mean_distance_m", "p95_distance_m", "steering_jerk_rms")
"""What a manifest tells of a drive."""

CONDITIONS = {
    "15 mph": DriveOptions(15.0),
    "25 mph": DriveOptions(25.0),
    "25 mph, from 1 m and 10 degrees off": DriveOptions(25.0, start_offset_m=1.0, start_heading_deg=10.0),
    "25 mph, 30 % of the frames lost": DriveOptions(25.0, drop_frames=0.3),
    "25 mph, shadows, 70 % brightness": DriveOptions(25.0, brightness=0.7, shadow=0.6),
}
"""How each drive begins and what disturbs it; the speed at its start is the one that the service keeps."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy on a part of a recording.

    Attributes:
        title: What the table calls it.
        rows: Range of the recording's rows.
        weights: The policy's weights.
    """

    title: str
    rows: str
    weights: Path

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """Reads `TITLE=ROWS=WEIGHTS`."""
        title, rows, weights = text.split("=", 2)
        return cls(title, rows, Path(weights))


def scores(recording: Path, subject: Subject) -> Iterator[dict[str, Any]]:
    """Yields the results of a policy under each condition."""
    network = load_network(subject.weights)
    sha256 = sha256_of(subject.weights)  # Before the drives, in which other weights may take its place.
    policy = PixelPolicy(network)
    part = read_part(recording, subject.rows)
    errors = asdict(open_loop(policy, part))
    for condition, options in CONDITIONS.items():
        settings = session_settings(options.start_speed_mph * MPS_PER_MPH)
        records = drive_all(stretches(part), options, by_policy(policy, settings, options, lambda *_: None))
        results = report(records, options.to_json() | {"rows": subject.rows})
        yield {
            "title": subject.title,
            "condition": condition,
            "policy": network.manifest.name,
            "sha256": sha256,
            **results,
            "open_loop": errors,
        }


def note_scores(results: list[dict[str, Any]], weights: Path) -> None:
    """Writes into the manifest of weights what they reached."""
    path = manifest_path(weights)
    manifest = Manifest.read(path)
    reached = {
        f"{row['title']}, {row['condition']}": {key: row[key] for key in NOTED}
        for row in results
        if row["sha256"] == manifest.sha256
    }
    replace(manifest, scores=manifest.scores | reached).write(path)


def write_table(results: list[dict[str, Any]], path: Path) -> None:
    """Writes closed-loop and open-loop results as Markdown."""
    lines = [
        "| Policy, rows | Condition | Autonomy | Interventions | Mean distance | p95 | Jerk | Human's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['title']} | {row['condition']} | {row['autonomy']:.1%} | {row['interventions']} "
        f"| {row['mean_distance_m']:.2f} m | {row['p95_distance_m']:.2f} m "
        f"| {row['steering_jerk_rms']:.1f} /s² | {row['human_steering_jerk_rms']:.1f} /s² |"
        for row in results
    ]
    lines += [
        "",
        "Against the recorded steering, frame by frame:",
        "",
        "| Policy, rows | Frames | MSE | MAE | R2 | MSE of the mean | MAE of the mean |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in {row["title"]: row for row in results}.values():
        errors = row["open_loop"]
        lines.append(
            f"| {row['title']} | {errors['frames']} | {errors['mse']:.4f} | {errors['mae']:.3f} "
            f"| {errors['r2']:.2f} | {errors['mean_mse']:.4f} | {errors['mean_mae']:.3f} |"
        )
    write_text(path, "\n".join(lines) + "\n")


def main() -> None:
    """Runs the drives and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path, help="folder with driving_log.csv and IMG")
    parser.add_argument("subjects", nargs="+", type=Subject.parse, metavar="TITLE=ROWS=WEIGHTS")
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for the results")
    asked = parser.parse_args()
    try:
        _score(asked.recording, asked.subjects, asked.out)
    except UserError as error:
        parser.error(str(error))


def _score(recording: Path, subjects: list[Subject], out: Path) -> None:
    """Runs the drives of all subjects and writes their results."""
    limit_threads(1)
    titles = [subject.title for subject in subjects]
    if len(set(titles)) < len(titles):
        raise UserError("Two of the subjects have the same title: give each its own.")
    check_writable(out / RESULTS)
    results = _earlier(out / RESULTS)
    for subject in subjects:
        manifest_of(subject.weights)
        read_part(recording, subject.rows)
    for subject in subjects:
        rows = []
        for row in scores(recording, subject):
            print(f"{subject.title}, {row['condition']}: {row['autonomy']:.1%}", flush=True)  # noqa: T201
            rows.append(row)
        results = [row for row in results if row["title"] != subject.title] + rows
        write_json(out / RESULTS, {"results": results})
        write_table(results, (out / RESULTS).with_suffix(".md"))
        if subject.weights.name.endswith(WEIGHTS_SUFFIX):
            note_scores(results, subject.weights)


def _earlier(path: Path) -> list[dict[str, Any]]:
    """Returns the results of an earlier run.

    Raises:
        UserError: The file holds none.
    """
    if not path.exists():
        return []
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("results"), list):
        raise UserError(f"{path} holds no results: name another folder by --out.")
    results: list[dict[str, Any]] = content["results"]
    return results


if __name__ == "__main__":
    main()
