import keras
import numpy as np
import pytest

from models.published import load_published
from training.udacity.pilotnet import FrameGenerator, PilotnetRecipe, build, train


def test_the_generator_makes_batches_of_prepared_frames(recording):
    frames, steering = FrameGenerator(recording, PilotnetRecipe(batch_size=7))[0]
    assert frames.shape == (7, 66, 200, 3)
    assert steering.shape == (7, 1)
    assert 0 <= frames.min() < frames.max() <= 255


@pytest.mark.slow
def test_training_writes_a_file_that_the_service_loads(recording, tmp_path):
    weights = tmp_path / "pilotnet.keras"
    losses = []

    class Follow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            losses.append(logs["loss"])

    recipe = PilotnetRecipe(epochs=2, batches=2, batch_size=8)
    train(recording, recipe, weights, tmp_path / "backup", [Follow()])
    assert len(losses) == 2
    network = load_published(weights)
    frames = np.random.default_rng(0).integers(0, 255, (2, 66, 200, 3)).astype(np.float32)
    assert network(frames).shape == (2, 1)
    assert [w.shape for w in network.get_weights()] == [w.shape for w in build().get_weights()]
