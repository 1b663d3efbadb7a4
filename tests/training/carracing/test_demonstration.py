import numpy as np
import pytest

from models.errors import UserError
from training.carracing.demonstration import Demonstration, Drive


def demonstration(count: int = 5, drop_share: float = 0.0) -> Demonstration:
    random = np.random.default_rng(count)
    return Demonstration(
        random.integers(0, 256, (count, 64, 64, 3)).astype(np.uint8),
        0.02 * np.arange(1, count + 1),
        random.uniform(0, 1, (count, 3, 3)).astype(np.float32),
        Drive(seed=7, expert_share=0.5, drop_share=drop_share, score=12.5, frames=count),
    )


def test_saved_and_loaded_is_the_same(tmp_path):
    path = tmp_path / "drives" / "7.npz"
    made = demonstration()
    made.save(path)
    loaded = Demonstration.load(path)
    np.testing.assert_array_equal(loaded.images, made.images)
    np.testing.assert_array_equal(loaded.times_s, made.times_s)
    np.testing.assert_array_equal(loaded.advice, made.advice)
    assert loaded.drive == made.drive
    assert [p.name for p in path.parent.iterdir()] == ["7.npz"]


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "7.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"7\.npz is damaged .* delete it"):
        Demonstration.load(path)


def test_pickled_content_is_never_loaded(tmp_path):
    path = tmp_path / "7.npz"
    np.savez(path, images=np.array([object()]), times_s=0, advice=0, drive=0)
    with pytest.raises(UserError):
        Demonstration.load(path)
