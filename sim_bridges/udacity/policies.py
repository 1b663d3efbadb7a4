"""The policy that drives, from the file that `--weights` names: ours or a published one."""

from collections.abc import Callable
from pathlib import Path

from controller.interface import Policy
from controller.pixel_policy import load_policy_factory
from controller.published_policy import load_published_factory
from controller.runtime import limit_threads

PUBLISHED_SUFFIX = ".keras"


def load_policies(weights: Path) -> Callable[[], Policy]:
    """Loads weights once and returns a function that makes the policy of a vehicle.

    Raises:
        UserError: The weights cannot be used, and why.
    """
    limit_threads(1)
    if weights.suffix == PUBLISHED_SUFFIX:
        return load_published_factory(weights)
    return load_policy_factory(weights)
