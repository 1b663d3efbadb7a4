"""An untrained policy of the final size, as files: `python -m tests.docker.untrained FOLDER`."""

import sys
from pathlib import Path

from models import checkpoint
from models.checkpoint import Manifest
from models.driver import LanDriver
from models.export import export
from models.preprocessing import Preprocessing
from tests.small_checkpoint import OUTPUTS

CAMERA = Preprocessing(160, 320, height=66, width=200, crop_top=60, crop_bottom=25)

if __name__ == "__main__":
    weights = Path(sys.argv[1]) / "untrained.weights.h5"
    network = LanDriver(image_shape=(CAMERA.height, CAMERA.width, 3))
    network.build()
    checkpoint.save(weights, network, Manifest("untrained", {}, CAMERA, OUTPUTS))
    export(weights)
