"""The policy that drives, from the file that `--weights` names."""

from collections.abc import Callable
from pathlib import Path

from controller.interface import Policy
from controller.pixel_policy import load_policy_factory
from controller.runtime import limit_threads


def load_policies(weights: Path) -> Callable[[], Policy]:
    """Loads weights once and returns a function that makes the policy of a vehicle.

    Raises:
        UserError: The weights cannot be used, and why.
    """
    limit_threads(1)
    return load_policy_factory(weights)
