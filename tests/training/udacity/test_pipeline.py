import numpy as np
import pytest

from training.udacity.drive import Drives
from training.udacity.pipeline import ChunkSource, batches


@pytest.fixture
def drives() -> Drives:
    """Drives whose frames and advice tell which they are."""
    count, frames = 3, 20
    number = np.arange(count * frames).reshape(count, frames)
    images = np.zeros((count, frames, 6, 8, 3), np.uint8)
    images[...] = number[..., None, None, None]
    images[:, :, :, 0] = 255
    times_s = 0.1 * np.arange(frames) ** 1.1 + np.arange(count)[:, None]
    steering = (number / 100).astype(np.float32)
    return Drives(images, times_s, steering, -2 * steering, np.zeros((count, frames, 3), np.float32))


def test_frames_times_and_advice_belong_together(drives):
    source = ChunkSource(drives, 8, 0, None)
    mirrored = thinned = 0
    for number in range(60):
        images, times_s, intervals_s, steering = source.draw(number)
        which = images[:, 0, 4, 0].astype(int)
        flipped = images[0, 0, -1, 0] == 255
        mirrored += flipped
        assert steering[:, 0] == pytest.approx(which / 100 * (-2 if flipped else 1))
        moments = drives.times_s.ravel()[which]
        assert times_s == pytest.approx(moments - moments[-1], abs=1e-5)
        assert intervals_s[1:] == pytest.approx(np.diff(moments), abs=1e-5)
        assert intervals_s[0] >= 0
        thinned += bool(np.any(np.diff(which) > 1))
    assert 15 < mirrored < 45
    assert thinned > 10


def test_a_chunk_depends_on_its_number_and_the_seed_alone(drives):
    first, second = ChunkSource(drives, 8, 0, None), ChunkSource(drives, 8, 0, None)
    first.draw(4)
    for one, other in zip(first.draw(7), second.draw(7), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(ChunkSource(drives, 8, 1, None).draw(7)[1], second.draw(7)[1])


def test_the_data_set_hands_out_these_chunks_in_order(drives):
    source = ChunkSource(drives, 8, 0, None)
    made = list(batches(source, batch_size=2, first=4, count=3))
    assert len(made) == 3
    inputs, steering = made[1]
    for place, number in enumerate((6, 7)):
        images, times_s, intervals_s, wanted = source.draw(number)
        assert np.array_equal(inputs["frames"][place], images)
        assert np.array_equal(inputs["times_s"][place], times_s)
        assert np.array_equal(inputs["intervals_s"][place], intervals_s)
        assert np.array_equal(steering[place], wanted)
