"""The policy that drives, from the file that `--weights` names: ours or a published one.

TensorFlow is loaded only once there is a file to load with it.
"""

from collections.abc import Callable
from pathlib import Path

from controller.interface import Policy
from models.errors import UserError

PUBLISHED_SUFFIX = ".keras"


def load_policies(weights: Path) -> Callable[[], Policy]:
    """Loads weights once and returns a function that makes the policy of a vehicle.

    Raises:
        UserError: The weights cannot be used, and why.
    """
    if not weights.is_file():
        raise UserError(f"There is no weights file {weights}.")

    from controller.runtime import limit_threads

    limit_threads(1)
    if weights.suffix == PUBLISHED_SUFFIX:
        from controller.published_policy import load_published_factory

        return load_published_factory(weights)

    from controller.pixel_policy import load_policy_factory

    return load_policy_factory(weights)
