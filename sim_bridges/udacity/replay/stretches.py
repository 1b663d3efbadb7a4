"""The part of a recording along which is driven, and its stretches."""

from pathlib import Path

from models.errors import UserError
from sim_bridges.udacity.recording import Recording, read_recording, segments
from sim_bridges.udacity.recording.rows import parse_rows
from sim_bridges.udacity.recording.segments import SEGMENT_MIN_ROWS


def read_part(folder: Path, rows: str) -> Recording:
    """Returns a range of rows of a recording, in which something is driven.

    Args:
        folder: The recording.
        rows: Range `A:B` of the log's rows.

    Raises:
        UserError: The recording cannot be used, or nothing is driven in these rows.
    """
    chosen = parse_rows(rows)
    recording = read_recording(folder)
    part = recording.select(chosen.start, chosen.stop)
    if not segments(part):
        raise UserError(
            f"Nothing is driven for {SEGMENT_MIN_ROWS} rows on end in rows {rows} of {folder}, which has "
            f"{len(recording)} usable ones: choose others."
        )
    return part


def stretches(recording: Recording) -> list[Recording]:
    """Returns the stretches of continuous driving."""
    return [recording.take(indices) for indices in segments(recording)]
