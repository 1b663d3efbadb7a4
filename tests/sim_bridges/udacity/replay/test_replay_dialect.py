"""What the simulator would write and read."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.interface import Command
from sim_bridges.udacity.camera import decode_frame, read_jpeg
from sim_bridges.udacity.dialect import read_telemetry, write_command
from sim_bridges.udacity.replay.dialect import UnreadableCommandError, read_command, write_telemetry

IMAGE = np.full((160, 320, 3), (200, 60, 30), np.uint8)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-14, 14))
def test_the_service_reads_what_is_written(steering, throttle, speed_mps):
    payload = write_telemetry(steering, throttle, speed_mps, IMAGE)
    assert all(isinstance(value, str) for value in payload.values())
    telemetry = read_telemetry(payload)
    assert telemetry.steering == pytest.approx(steering, abs=2.1e-6)
    assert telemetry.speed_mps == pytest.approx(abs(speed_mps), abs=3e-5)
    assert float(payload["throttle"]) == pytest.approx(max(throttle, 0), abs=5.1e-5)


def test_the_image_is_an_rgb_jpeg():
    image = decode_frame(read_jpeg(write_telemetry(0, 0, 0, IMAGE)["image"]))
    assert np.abs(image.astype(int) - IMAGE).max() < 12


@pytest.mark.parametrize(
    ("steering", "text"), [(-1e-9, "0.0000"), (0.05, "1.2500"), (-1.0, "-25.0000"), (1 / 3, "8.3333")]
)
def test_angles_are_in_degrees_with_four_decimals(steering, text):
    assert write_telemetry(steering, 0, 0, IMAGE)["steering_angle"] == text


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_services_commands_are_read(steering, gas, brake):
    read = read_command(write_command(Command(steering, gas, brake)))
    assert read == pytest.approx((steering, gas - brake), abs=1e-6)


def test_commands_beyond_the_lock_are_full_lock():
    assert read_command({"steering_angle": "Infinity", "throttle": "-7"}) == (1.0, -1.0)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"steering_angle": "0.1"},
        {"steering_angle": 0.1, "throttle": "0"},
        {"steering_angle": "", "throttle": "0"},
        {"steering_angle": "nan", "throttle": "0"},
        {"steering_angle": "1_0", "throttle": "0"},
        {"steering_angle": "inf", "throttle": "0"},
        {"steering_angle": "1e400", "throttle": "0"},
        {"steering_angle": "\u0663", "throttle": "0"},
        {"steering_angle": "0", "throttle": None},
    ],
)
def test_what_the_simulator_chokes_on_is_told(payload):
    with pytest.raises(UnreadableCommandError):
        read_command(payload)


@given(st.dictionaries(st.sampled_from(["steering_angle", "throttle"]), st.text(max_size=9) | st.floats()))
def test_any_command_is_read_or_refused(payload):
    try:
        steering, throttle = read_command(payload)
    except UnreadableCommandError:
        return
    assert abs(steering) <= 1
    assert abs(throttle) <= 1
    assert not math.isnan(steering)
