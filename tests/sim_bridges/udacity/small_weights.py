"""A policy of the final architecture, small and untrained, saved as weights that `serve` loads."""

from pathlib import Path

ARCHITECTURE = {"image_shape": (33, 100, 3), "filters": (8, 16), "features": 16, "window": 4, "hidden": 8}


def save_small_weights(folder: Path) -> Path:
    import keras

    from models import checkpoint
    from models.checkpoint import Manifest
    from models.driver import LanDriver
    from models.preprocessing import Preprocessing

    keras.utils.set_random_seed(1)
    network = LanDriver(**ARCHITECTURE)
    network.build()
    preprocessing = Preprocessing(160, 320, height=33, width=100, crop_top=60, crop_bottom=25)
    outputs = {"steering": "-1 to 1", "gas": "0 to 1", "brake": "0 to 1"}
    weights = folder / "small.weights.h5"
    checkpoint.save(weights, network, Manifest("small", {}, preprocessing, outputs))
    return weights
