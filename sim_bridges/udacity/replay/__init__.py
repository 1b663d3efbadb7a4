"""Drives along a recording: a car that may leave the recorded line, and the frames that its camera would see."""
