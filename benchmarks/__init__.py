"""Measurements of what the software promises, each as a table of rows; run with `python -m benchmarks`."""
