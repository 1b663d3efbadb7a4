"""Telemetry and camera frames from senders that are not trusted."""

import base64
import contextlib

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from controller.interface import Command
from sim_bridges.udacity.camera import BrokenFrameError, claimed_size, decode_frame, read_jpeg
from sim_bridges.udacity.dialect import read_telemetry, write_command
from tests.sim_bridges.udacity.simulator_client import noisy_road

GOOD = {"steering_angle": "2.5000", "throttle": "0.2000", "speed": "10.0000", "image": "x"}


def encoded(width: int, height: int, *flags: int) -> bytes:
    return cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8), list(flags))[1].tobytes()


def test_reads_telemetry_in_our_units():
    telemetry = read_telemetry(GOOD)
    assert telemetry.steering == pytest.approx(0.1)
    assert telemetry.speed_mps == pytest.approx(4.4704)
    assert telemetry.image == "x"


@pytest.mark.parametrize(
    "payload",
    [
        "text",
        [],
        7,
        {},
        GOOD | {"speed": "NaN"},
        GOOD | {"speed": None},
        GOOD | {"speed": "1e9"},
        GOOD | {"speed": "-1e9"},
        GOOD | {"speed": "201.0000"},
        GOOD | {"speed": {}},
        GOOD | {"steering_angle": "Infinity"},
        GOOD | {"steering_angle": "250.0000"},
        GOOD | {"steering_angle": "-250.0000"},
        GOOD | {"steering_angle": "28.0000"},
        GOOD | {"steering_angle": ""},
    ],
)
def test_refuses_broken_telemetry(payload):
    with pytest.raises(BrokenFrameError):
        read_telemetry(payload)


def test_reads_what_is_just_within_a_vehicles_reach():
    assert read_telemetry(GOOD | {"speed": "-10.0000"}).speed_mps == pytest.approx(4.4704)
    assert read_telemetry(GOOD | {"speed": "199.0000"}).speed_mps == pytest.approx(88.961, abs=1e-3)
    assert read_telemetry(GOOD | {"steering_angle": "-26.0000"}).steering == pytest.approx(-1.04)


def test_writes_both_values_as_strings_with_throttle_as_gas_less_brake():
    assert write_command(Command(-0.05, 0.25, 0.0)) == {
        "steering_angle": "-50000e-6",
        "throttle": "250000e-6",
    }
    assert write_command(Command(0.0, 0.0, 0.5)) == {"steering_angle": "0", "throttle": "-500000e-6"}


def test_decodes_a_frame_as_rgb():
    image = np.zeros((160, 320, 3), np.uint8)
    image[..., 0] = 200
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    decoded = decode_frame(read_jpeg(base64.b64encode(jpeg).decode()))
    assert decoded.shape == (160, 320, 3)
    assert decoded.dtype == np.uint8
    assert abs(int(decoded[80, 160, 0]) - 200) < 4
    assert decoded[80, 160, 2] < 4


def test_decodes_as_the_decoder_that_the_policies_were_trained_with():
    jpeg = noisy_road()
    opencv = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(decode_frame(jpeg), opencv)


def test_a_picture_that_is_cut_short_is_refused():
    with pytest.raises(BrokenFrameError, match="cannot be decoded"):
        decode_frame(noisy_road()[:-500] + b"\xff\xd9")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "NoneType"),
        (12, "int"),
        ("", "no JPEG"),
        ("%%%%", "base64"),
        ("abc", "base64"),
        ("\u00e4bcd", "base64"),
        (base64.b64encode(b"\x89PNG\r\n").decode(), "no JPEG"),
        (base64.b64encode(encoded(320, 160)[:-10]).decode(), "cut off"),
        (base64.b64encode(encoded(320, 160)).decode()[:-3], "base64"),
    ],
)
def test_refuses_what_is_no_whole_jpeg(text, why):
    with pytest.raises(BrokenFrameError, match=why):
        read_jpeg(text)


def test_the_largest_frame_is_decoded():
    assert decode_frame(encoded(1280, 960)).shape == (960, 1280, 3)


@pytest.mark.parametrize(("width", "height"), [(1281, 960), (1280, 961), (4000, 10)])
def test_a_larger_frame_is_refused_before_it_is_decoded(width, height, monkeypatch):
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(BrokenFrameError, match="claims"):
        decode_frame(encoded(width, height))


def test_a_size_of_zero_is_refused():
    jpeg = bytearray(encoded(320, 160))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\0\0\0\0"
    with pytest.raises(BrokenFrameError, match="claims"):
        decode_frame(bytes(jpeg))


def test_a_progressive_jpeg_is_refused():
    with pytest.raises(BrokenFrameError, match="sequential"):
        decode_frame(encoded(320, 160, cv2.IMWRITE_JPEG_PROGRESSIVE, 1))


def test_a_jpeg_of_many_scans_is_refused():
    jpeg = encoded(320, 160)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    with pytest.raises(BrokenFrameError, match="scans"):
        claimed_size(jpeg[:-2] + 3 * scan + jpeg[-2:])
    assert claimed_size(jpeg[:-2] + 2 * scan + jpeg[-2:]).width_px == 320


def test_reads_the_size_past_other_segments_and_fill_bytes():
    jpeg = encoded(320, 160)
    padded = jpeg[:2] + b"\xff\xfe\x00\x06\xff\xc0\x00\x01" + b"\xff\xff\xff" + b"\xff\x01" + jpeg[2:]
    size = claimed_size(padded)
    assert (size.width_px, size.height_px) == (320, 160)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_decoded(tail):
    with contextlib.suppress(BrokenFrameError):
        assert decode_frame(b"\xff\xd8" + tail + b"\xff\xd9").ndim == 3


@given(st.data())
def test_a_damaged_frame_is_refused_or_decoded(data):
    jpeg = bytearray(noisy_road())
    for _ in range(data.draw(st.integers(1, 20))):
        jpeg[data.draw(st.integers(2, len(jpeg) - 3))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BrokenFrameError):
        assert decode_frame(bytes(jpeg)).ndim == 3
