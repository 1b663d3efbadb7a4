from dataclasses import astuple

import numpy as np
import pytest

from sim_bridges.udacity.recording import read_recording
from sim_bridges.udacity.replay.light import Light
from sim_bridges.udacity.replay.trip import NO_HEADWAY_MAX_S, Trip
from sim_bridges.udacity.replay.world import World, WorldOptions
from tests.sim_bridges.udacity.drawn_recording import draw_recording, winding_drive


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return read_recording(draw_recording(tmp_path_factory.mktemp("world") / "drawn", winding_drive()))


def test_the_recorded_steering_drives_the_recorded_line(recording):
    world = World(recording, WorldOptions(start_speed_mps=10.0))
    while not world.done:
        world.step(recording.steering[world.place.index], (10.0 - world.vehicle.speed_mps), 0.02)
    assert not world.interventions
    assert abs(world.place.offset_m) < 0.5


def test_the_start_may_lie_beside_the_line(recording):
    world = World(recording, WorldOptions(start_offset_m=-1.0, start_heading_rad=0.1))
    assert (world.place.offset_m, world.place.turn_rad) == pytest.approx((-1.0, 0.1))


def test_who_leaves_the_line_is_put_back_at_the_same_speed(recording):
    world = World(recording, WorldOptions(start_speed_mps=8.0))
    for _ in range(60):
        world.step(0.5, 0.4, 0.05)
        assert abs(world.place.offset_m) <= 3.0
        assert abs(world.place.turn_rad) <= np.radians(45)
    assert len(world.interventions) >= 1
    assert world.vehicle.speed_mps > 6.0


def test_who_drives_backwards_is_put_back_and_ends_the_drive_unfinished(recording):
    trip = Trip(World(recording))
    trip.command(0.0, -1.0, 0.0)
    trip.advance_to(3600.0)
    record = trip.record()
    assert trip.over
    assert not record.finished
    assert NO_HEADWAY_MAX_S < record.elapsed_s < 2 * NO_HEADWAY_MAX_S
    assert record.distance_m.min() > -3.5
    assert record.interventions


@pytest.mark.parametrize("throttle", [0.0, 0.005])
def test_who_crawls_ends_the_drive_unfinished_as_who_stands_does(recording, throttle):
    trip = Trip(World(recording, WorldOptions(start_speed_mps=0.5)))
    trip.command(0.0, throttle, 0.0)
    trip.advance_to(3600.0)
    record = trip.record()
    assert 0 < record.speed_mps[-1] < 0.3
    assert not record.finished
    assert record.elapsed_s < 2 * NO_HEADWAY_MAX_S


def test_the_camera_sees_the_recorded_frame_where_the_car_is_on_the_line(recording):
    world = World(recording)
    seen = world.camera().astype(int)
    assert seen.shape == (160, 320, 3)
    assert np.abs(seen - recording.image(0)).max() <= 1


def test_light_changes_the_frame_and_the_same_seed_changes_it_alike(recording):
    def camera(light: Light, seed: int = 0) -> np.ndarray:
        return World(recording, WorldOptions(light=light, seed=seed)).camera().astype(float)

    plain = camera(Light())
    assert camera(Light(brightness=0.5)).mean() == pytest.approx(plain.mean() / 2, abs=1.0)
    assert 2 < np.abs(camera(Light(noise=4.0)) - plain).mean() < 4
    shadow = camera(Light(shadow=0.8))
    assert np.array_equal(shadow[:60], plain[:60])
    assert shadow[70:].mean() < plain[70:].mean() - 1
    assert np.array_equal(shadow, camera(Light(shadow=0.8)))
    assert not np.array_equal(shadow, camera(Light(shadow=0.8), seed=1))


def test_shadows_stay_where_they_are_while_the_car_drives_on(recording):
    """A shadow's edge on the road is met again, nearer, after some metres."""
    world = World(recording, WorldOptions(start_speed_mps=10.0, light=Light(shadow=1.0)))
    lamp, ground = world._lamp, world._lamp._ground
    pose = world.vehicle.pose
    poses = np.array([astuple(pose), astuple(pose.moved(ahead_m=2.0))])
    here, there = ground.shadow(lamp._shadows, poses)
    ahead_m = ground.ahead_m[:, 80]
    far = int(np.nanargmin(np.abs(ahead_m - 8.0)))
    near = int(np.nanargmin(np.abs(ahead_m - 6.0)))
    assert there[near, 80] == pytest.approx(here[far, 80], abs=0.35)
