import numpy as np
import pytest

from tests.training.carracing.test_demonstration import demonstration
from training.carracing.chunks import Chunks
from training.carracing.mirror import mirror_images
from training.carracing.rollout import LARGEST_DROP_SHARE


def chunks(drives, **changes):
    return Chunks(drives, **({"batch_size": 6, "length": 8, "batches": 3, "seed": 1} | changes))


def test_shapes_and_time():
    inputs, commands = chunks([demonstration(60), demonstration(100, drop_share=0.5)])[0]
    assert inputs["frames"].shape == (6, 8, 64, 64, 3)
    assert inputs["frames"].dtype == np.uint8
    assert commands.shape == (6, 8, 3)
    assert (inputs["times_s"][:, -1] == 0).all()
    steps_s = np.diff(inputs["times_s"], axis=1)
    assert (steps_s > 0.019).all()
    np.testing.assert_allclose(inputs["intervals_s"][:, 1:], steps_s, atol=1e-6)
    assert (inputs["intervals_s"][:, 0] >= 0).all()


def test_every_frame_keeps_its_moment_and_some_are_mirrored():
    drive = demonstration(80)
    mirrored = mirror_images(drive.images)
    seen = set()
    for index in range(3):
        inputs, _ = chunks([drive])[index]
        for images, times in zip(inputs["frames"], inputs["times_s"], strict=True):
            is_mirrored = not any((images[-1] == original).all() for original in drive.images)
            source = mirrored if is_mirrored else drive.images
            places = [int(np.flatnonzero((source == image).all(axis=(1, 2, 3)))[0]) for image in images]
            np.testing.assert_allclose(times, 0.02 * (np.array(places) - places[-1]), atol=1e-6)
            seen.add(is_mirrored)
    assert seen == {True, False}


def test_draws_depend_on_epoch_and_index_alone():
    one, other = chunks([demonstration(60)]), chunks([demonstration(60)])
    np.testing.assert_array_equal(one[2][0]["frames"], other[2][0]["frames"])
    other.epoch = 1
    assert not np.array_equal(one[2][0]["frames"], other[2][0]["frames"])


def test_some_chunks_lose_frames_but_never_too_many():
    batches = chunks([demonstration(600)], batch_size=200)
    times = batches[0][0]["times_s"]
    shares = 1 - 0.02 * (times.shape[1] - 1) / -times[:, 0]
    assert 0.3 < np.mean(shares < 1e-3) < 0.7
    assert shares.max() > 0.5
    assert np.mean(shares) < LARGEST_DROP_SHARE


def test_drives_shorter_than_a_chunk_are_left_out():
    inputs, _ = chunks([demonstration(5), demonstration(30)])[0]
    assert inputs["frames"].shape[0] == 6
    with pytest.raises(ValueError, match="at least 8 frames"):
        chunks([demonstration(5)])
