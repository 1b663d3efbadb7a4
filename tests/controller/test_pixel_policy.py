import json
from dataclasses import replace

import numpy as np
import pytest

from controller.interface import Observation
from controller.pixel_policy import FORGET_AFTER_S, load_policy_factory
from models import checkpoint
from models.errors import UserError
from tests.models.test_driver import sequence
from tests.small_checkpoint import save_small_checkpoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_small_checkpoint(tmp_path_factory.mktemp("weights") / "small.weights.h5")


@pytest.fixture(scope="module")
def make_policy(weights):
    return load_policy_factory(weights)


def frames(count: int) -> list[Observation]:
    random = np.random.default_rng(count)
    return [
        Observation(random.integers(0, 256, (96, 96, 3)).astype(np.uint8), 1.7e9 + 0.05 * index)
        for index in range(count)
    ]


def test_commands_are_the_networks(weights, make_policy):
    observations = frames(9)
    policy = make_policy()
    commands = [policy.act(observation) for observation in observations]
    loaded = checkpoint.load(weights)
    images = np.stack([loaded.manifest.preprocessing(o.image) for o in observations])
    times_s = np.array([o.time_s for o in observations])
    expected = np.asarray(loaded.network(sequence(images[None], times_s[None])))[0]
    given = np.array([[c.steering, c.gas, c.brake] for c in commands])
    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_reset_forgets(make_policy):
    policy = make_policy()
    first, *others = frames(5)
    begun = policy.act(first)
    for observation in others:
        policy.act(observation)
    assert policy.act(first) != begun
    policy.reset()
    assert policy.act(first) == begun


@pytest.mark.parametrize("forgets", [True, False])
def test_frames_before_a_long_pause_are_forgotten(make_policy, forgets):
    policy = make_policy()
    *before, last = frames(5)
    for observation in before:
        policy.act(observation)
    pause_s = FORGET_AFTER_S + (0.1 if forgets else -0.1)
    after = replace(last, time_s=before[-1].time_s + pause_s)
    assert (policy.act(after) == make_policy().act(after)) == forgets


def test_vehicles_do_not_disturb_each_other(make_policy):
    alone, one, other = make_policy(), make_policy(), make_policy()
    expected = [alone.act(observation) for observation in frames(6)]
    given = []
    for observation, distraction in zip(frames(6), frames(7), strict=False):
        given.append(one.act(observation))
        other.act(distraction)
    assert given == expected


def test_wrong_frames_are_refused(make_policy):
    with pytest.raises(UserError, match=r"\(96, 96, 3\)"):
        make_policy().act(Observation(np.zeros((160, 320, 3), np.uint8), 0.0))


def test_a_network_that_does_not_steer_is_refused(weights, tmp_path):
    for file in weights.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = checkpoint.manifest_path(tmp_path / weights.name)
    content = json.loads(path.read_text())
    content["outputs"]["wheel"] = content["outputs"].pop("steering")
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="does not steer"):
        load_policy_factory(tmp_path / weights.name)()
