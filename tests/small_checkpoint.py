"""Policies of the shipped architecture, small and untrained, for tests of what surrounds them."""

from pathlib import Path

import keras

from models import checkpoint
from models.checkpoint import Manifest
from models.driver import LanDriver
from models.preprocessing import Preprocessing

CARRACING = Preprocessing(96, 96, height=16, width=16)
UDACITY = Preprocessing(160, 320, height=33, width=100, crop_top=60, crop_bottom=25)
SMALL = {"image_shape": (16, 16, 3), "filters": (4, 8), "features": 16, "window": 4, "hidden": 8}
OUTPUTS = {"steering": "-1 to 1", "gas": "0 to 1", "brake": "0 to 1"}


def small_network(preprocessing: Preprocessing = CARRACING) -> LanDriver:
    """The network for a camera, always with the same weights."""
    keras.utils.set_random_seed(1)
    network = LanDriver(**SMALL | {"image_shape": (preprocessing.height, preprocessing.width, 3)})
    network.build()
    return network


def save_small_checkpoint(path: Path, preprocessing: Preprocessing = CARRACING) -> Path:
    """Saves the network with its manifest."""
    checkpoint.save(path, small_network(preprocessing), Manifest("small", {}, preprocessing, OUTPUTS))
    return path
