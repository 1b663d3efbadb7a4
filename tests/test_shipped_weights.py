"""The weights that come with the project do what they are shipped for."""

import pytest

from controller.pixel_policy import load_policy_factory
from models import checkpoint
from models.checkpoint import SHIPPED, Manifest
from sim_bridges.carracing.commands import SHIPPED_WEIGHTS
from sim_bridges.carracing.environment import CarRacing, make_environment
from sim_bridges.carracing.episode import drive


def test_every_shipped_checkpoint_loads_and_tells_where_it_comes_from():
    shipped = sorted(SHIPPED.glob("*.weights.h5"))
    assert SHIPPED_WEIGHTS in shipped
    for weights in shipped:
        manifest: Manifest = checkpoint.load(weights).manifest
        assert manifest.training["command"].startswith("liquid-drive train")
        assert manifest.scores
        assert weights.stat().st_size < 5_000_000


@pytest.mark.slow
@pytest.mark.parametrize(("drop_frames", "least"), [(0.0, 900.0), (0.5, 880.0)])
def test_the_carracing_policy_completes_a_lap(drop_frames, least):
    car = CarRacing(make_environment(), drop_frames)
    episode = drive(car, load_policy_factory(SHIPPED_WEIGHTS)(), seed=10_001)
    assert episode.tiles_visited_share == 1
    assert episode.score > least
