"""Recordings of the simulator's training mode: reading them, cutting them into drives, judging them."""

from sim_bridges.udacity.recording.reading import CAMERAS, Recording, read_recording
from sim_bridges.udacity.recording.segments import segments

__all__ = ["CAMERAS", "Recording", "read_recording", "segments"]
