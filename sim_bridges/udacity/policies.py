"""The shipped policy, and policies loaded as the service needs them."""

import os
from collections.abc import Callable
from pathlib import Path

from controller.pixel_policy import PixelPolicy, load_policy_factory
from controller.runtime import RuntimeChoice, limit_threads
from models.checkpoint import SHIPPED, WEIGHTS_SUFFIX

SHIPPED_WEIGHTS = SHIPPED / f"udacity-lan{WEIGHTS_SUFFIX}"
THREADS = min(2, os.cpu_count() or 1)
"""Threads of LiteRT in the service, where one frame at a time must be answered soon."""


def load_policies(weights: Path, runtime: RuntimeChoice = RuntimeChoice.AUTO) -> Callable[[], PixelPolicy]:
    """Loads weights once and returns a function that makes the policy of a vehicle.

    Raises:
        UserError: The weights cannot be used, and why.
    """
    limit_threads(1)
    return load_policy_factory(weights, runtime, THREADS)
