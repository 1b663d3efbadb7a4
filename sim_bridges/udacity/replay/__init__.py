"""Drives along a recording: a car that may leave the recorded line, and what its camera would see."""
