import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.drops import draw_drop_share, kept_frames


@pytest.mark.parametrize("drop_share", [0.0, 0.3, 0.85])
@pytest.mark.parametrize("burstiness", [1.0, 2.0])
def test_share_and_burst_length(drop_share, burstiness):
    kept = kept_frames(200_000, drop_share, burstiness, np.random.default_rng(1))
    assert 1 - kept.mean() == pytest.approx(drop_share, abs=0.01)
    if drop_share:
        bursts = np.count_nonzero(np.diff(kept.astype(int)) == -1)
        mean_length = np.count_nonzero(~kept) / bursts
        assert mean_length == pytest.approx(burstiness / (1 - drop_share), rel=0.03)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.floats(0, 0.95), st.floats(1, 3), st.integers(0, 99))
def test_first_frame_arrives_and_draws_repeat(count, share, burstiness, seed):
    kept = kept_frames(count, share, burstiness, np.random.default_rng(seed))
    assert kept.shape == (count,)
    assert kept[0]
    assert (kept == kept_frames(count, share, burstiness, np.random.default_rng(seed))).all()


def test_drawn_shares():
    random = np.random.default_rng(0)
    shares = np.array([draw_drop_share(random, 0.8, 0.4) for _ in range(5000)])
    assert np.mean(shares == 0) == pytest.approx(0.4, abs=0.03)
    assert shares[shares > 0].mean() == pytest.approx(0.4, abs=0.02)
    assert shares.max() < 0.8
