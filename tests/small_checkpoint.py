"""A policy for CarRacing of the shipped architecture, small and untrained, for tests of what surrounds it."""

from pathlib import Path

import keras

from models import checkpoint
from models.checkpoint import Manifest
from models.driver import LanDriver
from models.preprocessing import Preprocessing

SMALL = {"image_shape": (16, 16, 3), "filters": (4, 8), "features": 16, "window": 4, "hidden": 8}
OUTPUTS = {"steering": "-1 to 1", "gas": "0 to 1", "brake": "0 to 1"}


def small_network() -> LanDriver:
    """The network, always with the same weights."""
    keras.utils.set_random_seed(1)
    network = LanDriver(**SMALL)
    network.build()
    return network


def save_small_checkpoint(path: Path) -> Path:
    """Saves the network with its manifest."""
    manifest = Manifest("small", {}, Preprocessing(96, 96, height=16, width=16), OUTPUTS)
    checkpoint.save(path, small_network(), manifest)
    return path
