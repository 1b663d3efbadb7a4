"""The bridge to the Udacity self-driving-car simulator, as it was shipped."""

import warnings

# Eventlet announces on each import that it is only maintained; users can do nothing about it.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
