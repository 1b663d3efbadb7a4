import numpy as np
import pytest

from controller.interface import Command, Observation
from tests.training.carracing.test_demonstration import demonstration
from training.carracing.collect import Round, collect, load_round
from training.carracing.recipe import PREPROCESSING
from training.carracing.rollout import Noise, NoisyExpert, roll_out
from training.carracing.styles import DROP_SHARES


class Crawler:
    """Stands still, and remembers what it saw."""

    name = "crawler"

    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def reset(self) -> None:
        self.seen.clear()

    def act(self, observation: Observation) -> Command:
        self.seen.append(observation)
        return Command(0.0, 0.0, 1.0)


@pytest.mark.slow
def test_the_expert_drives_and_records_every_frame():
    recorded = roll_out(500, 1.0, PREPROCESSING)
    assert recorded.drive.drop_share == 0
    assert recorded.images.shape == (len(recorded.times_s), 64, 64, 3)
    assert recorded.advice.shape == (len(recorded.times_s), len(DROP_SHARES), 3)
    assert recorded.drive.score > 700
    np.testing.assert_allclose(recorded.times_s, 0.02 * np.arange(1, len(recorded.times_s) + 1))


@pytest.mark.slow
def test_lost_frames_are_not_recorded():
    recorded = roll_out(501, 1.0, PREPROCESSING)
    assert recorded.drive.drop_share > 0.2
    share = 1 - len(recorded.times_s) / recorded.drive.frames
    assert share == pytest.approx(recorded.drive.drop_share, abs=0.12)
    assert np.diff(recorded.times_s).max() > 0.03


@pytest.mark.slow
def test_the_network_drives_where_the_expert_does_not():
    policy = Crawler()
    recorded = roll_out(3, 0.0, PREPROCESSING, policy)
    assert recorded.drive.score < 0
    assert len(policy.seen) == len(recorded.images)
    np.testing.assert_array_equal(PREPROCESSING(policy.seen[-1].image), recorded.images[-1])
    # The expert would go: gas, and no brake.
    assert recorded.advice[:, 0, 1].min() > 0.1
    assert recorded.advice[:, 0, 2].max() == 0


@pytest.mark.slow
def test_collects_what_is_missing_and_keeps_the_rest(tmp_path):
    drives = Round(tmp_path, [11, 12], 1.0, None)
    kept = demonstration()
    kept.save(drives.path(11))
    before = drives.path(11).stat().st_mtime_ns
    done = []
    collect(drives, lambda: done.append(1))
    assert len(done) == 1
    assert drives.missing == []
    assert drives.path(11).stat().st_mtime_ns == before
    assert [d.drive.seed for d in load_round(drives)] == [kept.drive.seed, 12]
    # A process of its own drives as this one does.
    np.testing.assert_array_equal(load_round(drives)[1].images, roll_out(12, 1.0, PREPROCESSING).images)


def test_noise_comes_in_bursts_and_stays_in_bounds():
    noisy = NoisyExpert(Noise(chance=0.1), np.random.default_rng(0))
    command = np.array([0.1, 0.9, 0.1], np.float32)
    given = np.array([noisy.disturb(command) for _ in range(2000)])
    assert (np.abs(given[:, 0]) <= 1).all()
    assert (given[:, 1:] >= 0).all()
    assert (given[:, 1] <= 1).all()
    assert (given[:, 2] <= 0.8 + 1e-6).all()
    disturbed = np.abs(given[:, 0] - 0.1) > 1e-6
    bursts = np.count_nonzero(np.diff(disturbed.astype(int)) == 1)
    assert 0.2 < disturbed.mean() < 0.7
    assert disturbed.sum() / bursts >= 3
