import io
import zipfile

import numpy as np
import pytest

from models.errors import UserError
from models.published import load_published
from training.udacity.pilotnet import FrameGenerator, PilotnetRecipe, build, train


def test_the_generator_makes_batches_of_prepared_frames(recording):
    frames, steering = FrameGenerator(recording, PilotnetRecipe(batch_size=7))[0]
    assert frames.shape == (7, 66, 200, 3)
    assert steering.shape == (7, 1)
    assert 0 <= frames.min() < frames.max() <= 255


def test_a_batch_depends_on_seed_epoch_and_index_alone(recording):
    def batch(seed: int, epoch: int, index: int, before: int = 0) -> np.ndarray:
        generator = FrameGenerator(recording, PilotnetRecipe(seed=seed, batch_size=7))
        for number in range(before):
            generator[number]
        generator.epoch = epoch
        return generator[index][0]

    np.testing.assert_array_equal(batch(0, 1, 2), batch(0, 1, 2, before=3))
    for other in ((1, 1, 2), (0, 2, 2), (0, 1, 3)):
        assert not np.array_equal(batch(0, 1, 2), batch(*other))


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights_in_a_file_that_the_service_loads(recording, tmp_path):
    recipe = PilotnetRecipe(epochs=3, batches=2, batch_size=8)
    shown: list[int] = []

    def show(batches=1):
        shown.append(batches)

    def show_until_killed(batches=1):
        show(batches)
        if sum(shown) == 3:
            raise KeyboardInterrupt

    whole, resumed = tmp_path / "whole.keras", tmp_path / "resumed.keras"
    train(recording, recipe, whole, tmp_path / "one.keras", show)
    assert shown == [0, 1, 1, 1, 1, 1, 1]
    shown.clear()
    with pytest.raises(KeyboardInterrupt):
        train(recording, recipe, resumed, tmp_path / "other.keras", show_until_killed)
    shown.clear()
    train(recording, recipe, resumed, tmp_path / "other.keras", show)
    assert shown == [2, 1, 1, 1, 1]
    shown.clear()
    train(recording, recipe, resumed, tmp_path / "other.keras", show)
    assert shown == [6]  # There was nothing left to train.
    network = load_published(resumed)
    for expected, found in zip(load_published(whole).get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    frames = np.random.default_rng(0).integers(0, 255, (2, 66, 200, 3)).astype(np.float32)
    assert network(frames).shape == (2, 1)
    assert [w.shape for w in network.get_weights()] == [w.shape for w in build().get_weights()]


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"cut off", zipped(), zipped(metadata=b"{}").replace(b"{}", b"[]"), zipped(**{"config.json": b"[]"})],
)
def test_a_broken_state_of_a_training_is_named(recording, tmp_path, content):
    unfinished = tmp_path / "unfinished.keras"
    unfinished.write_bytes(content)
    with pytest.raises(UserError, match=r"unfinished\.keras cannot be read .*delete it"):
        train(recording, PilotnetRecipe(), tmp_path / "out.keras", unfinished, print)
