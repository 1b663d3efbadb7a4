"""Lost frames: as many as asked for, the same ones by the same seed."""

import pytest

from sim_bridges.frame_loss import FrameLoss


def lost(share: float, seed: int, count: int = 4000) -> list[bool]:
    loss = FrameLoss(share, seed)
    return [loss.next() for _ in range(count)]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_so_many_frames_are_lost(share):
    assert sum(lost(share, seed=1)) / 4000 == pytest.approx(share, abs=0.03)


def test_the_seed_decides_which():
    assert lost(0.5, seed=1) == lost(0.5, seed=1) != lost(0.5, seed=2)


def test_a_frame_that_few_losses_take_is_lost_by_more_of_them_too():
    assert all(more or not few for few, more in zip(lost(0.2, seed=3), lost(0.6, seed=3), strict=True))
