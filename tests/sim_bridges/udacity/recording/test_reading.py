"""Recordings in folders, whole and damaged."""

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.interface import Command
from controller.recorder import RecordedFrame, Recorder
from models.errors import UserError
from sim_bridges.udacity.recording import read_recording
from sim_bridges.udacity.recording.suspicious import DUPLICATE
from tests.sim_bridges.udacity.drawn_recording import (
    BEGIN,
    DrawnDrive,
    grey_recording,
    image_name,
    jpeg_of,
    real_recording,
    winding_drive,
    write_log,
)

DRIVE = DrawnDrive(np.cumsum([0.0, 0.07, 0.3, 0.071, 2.0]), np.linspace(-0.3, 0.3, 5), np.full(5, 10.0))


@pytest.fixture
def folder(tmp_path):
    return grey_recording(tmp_path / "recording", DRIVE)


def test_times_are_those_of_the_images_names(folder):
    recording = read_recording(folder)
    np.testing.assert_allclose(recording.time_s, DRIVE.time_s, atol=1.1e-3)
    np.testing.assert_allclose(recording.steering, DRIVE.steering, atol=1e-7)
    np.testing.assert_allclose(recording.speed_mps, DRIVE.speed_mps, atol=1e-5)
    assert recording.rows.tolist() == [0, 1, 2, 3, 4]
    assert recording.skipped == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    prefix=st.sampled_from(
        [
            "IMG/",
            "",
            " IMG/",
            "/Users/Ann Droid/Desktop/IMG/",
            "C:\\Users\\Ann\\track1\\IMG\\",
            "D:/a/IMG/",
            "C:\\Ann\\Acme, Inc\\IMG\\",
        ]
    ),
    comma=st.booleans(),
    header=st.booleans(),
)
def test_logs_of_any_machine_say_the_same(folder, prefix, comma, header):
    expected = read_recording(folder)
    write_log(folder, DRIVE, lambda v: f"{v:.7g}".replace(".", "," if comma else "."), prefix, header)
    recording = read_recording(folder)
    for name in ("rows", "time_s", "steering", "throttle", "brake", "speed_mps"):
        np.testing.assert_array_equal(getattr(recording, name), getattr(expected, name), err_msg=name)
    assert recording.images == expected.images


def test_images_that_are_broken_in_their_middle_or_name_are_counted_and_left_out(folder):
    for camera, row in (("center", 1), ("left", 2)):
        path = folder / "IMG" / image_name(camera, DRIVE.time_s[row])
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 600] = bytes(600)
        path.write_bytes(content)
    log = folder / "driving_log.csv"
    name = image_name("right", DRIVE.time_s[3])
    log.write_text(log.read_text().replace(name, f"\0{name}"))
    recording = read_recording(folder)
    assert recording.rows.tolist() == [0, 2, 3, 4]
    assert recording.skipped == {"image broken": 1, "side image broken": 2}
    assert recording.images["left"][1] is recording.images["right"][2] is None


def test_missing_and_cut_off_images_are_counted_and_left_out(folder):
    images = folder / "IMG"
    (images / image_name("center", DRIVE.time_s[1])).unlink()
    cut = images / image_name("center", DRIVE.time_s[2])
    cut.write_bytes(cut.read_bytes()[:-20])
    (images / image_name("left", DRIVE.time_s[4])).unlink()
    (images / image_name("right", DRIVE.time_s[0])).write_bytes(b"")
    recording = read_recording(folder)
    assert recording.rows.tolist() == [0, 3, 4]
    assert recording.skipped == {
        "image missing": 1,
        "image broken": 1,
        "side image missing": 1,
        "side image broken": 1,
    }
    assert recording.images["right"][0] is None
    assert recording.images["left"][2] is None
    with pytest.raises(UserError, match="no image of the left camera"):
        recording.image(2, "left")


def test_images_of_another_size_are_counted_and_left_out(folder):
    path = folder / "IMG" / image_name("center", DRIVE.time_s[1])
    path.write_bytes(jpeg_of(np.zeros((320, 640, 3), np.uint8)))
    recording = read_recording(folder)
    assert recording.rows.tolist() == [0, 2, 3, 4]
    assert recording.skipped == {"image not 320x160": 1}


def test_rows_out_of_order_are_for_the_user_to_sort(folder):
    log = folder / "driving_log.csv"
    log.write_text("".join(reversed(log.read_text().splitlines(keepends=True))))
    with pytest.raises(UserError, match="not in the order of their times: sort them"):
        read_recording(folder)


def test_some_rows_in_the_place_of_their_neighbours_are_rows_out_of_order(tmp_path):
    folder = grey_recording(tmp_path / "r", winding_drive(60))
    log = folder / "driving_log.csv"
    lines = log.read_text().splitlines(keepends=True)
    for place in (5, 15, 25, 35):
        lines[place : place + 2] = reversed(lines[place : place + 2])
    log.write_text("".join(lines))
    with pytest.raises(UserError, match="not in the order of their times: sort them"):
        read_recording(folder)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_log_that_a_windows_program_saved_says_the_same(folder, encoding):
    expected, log = read_recording(folder), folder / "driving_log.csv"
    write_log(folder, DRIVE, header=True)
    log.write_text(log.read_text(), encoding=encoding)
    found = read_recording(folder)
    assert found.images == expected.images
    np.testing.assert_array_equal(found.speed_mps, expected.speed_mps)


def test_empty_fields_at_the_end_of_rows_do_not_matter(folder):
    expected = read_recording(folder)
    log = folder / "driving_log.csv"
    lines = ["center,left,right,steering,throttle,brake,speed", *log.read_text().splitlines()]
    log.write_text("".join(f"{line},,\n" for line in lines))
    np.testing.assert_array_equal(read_recording(folder).speed_mps, expected.speed_mps)


def test_unreadable_rows_are_counted_and_left_out(folder):
    log = folder / "driving_log.csv"
    lines = log.read_text().splitlines()
    lines[1] = lines[1].replace(",0.5,0,", ",oops,0,")
    lines[2] = lines[2].replace("center_", "centre_of_2020_")[:40] + ",,," + lines[2][-20:]
    lines[3] = "IMG/center.jpg,IMG/left.jpg,IMG/right.jpg,0,0,0,1"
    log.write_text("\n".join(lines))
    recording = read_recording(folder)
    assert recording.rows.tolist() == [0, 4]
    assert recording.skipped == {"unreadable row": 2, "no time in the image's name": 1}


def test_images_are_rgb_and_a_broken_one_is_named(folder):
    red = np.zeros((160, 320, 3), np.uint8)
    red[..., 0] = 200
    path = folder / "IMG" / image_name("center", 0)
    path.write_bytes(jpeg_of(red))
    recording = read_recording(folder)
    assert recording.image(0).shape == (160, 320, 3)
    assert recording.image(0)[80, 160, 0] > 180 > 20 > recording.image(0)[80, 160, 2]
    path.write_bytes(b"\xff\xd8 nothing \xff\xd9")
    with pytest.raises(UserError, match=path.name):
        recording.image(0)
    path.write_bytes(jpeg_of(cv2.resize(red, (100, 100))))
    with pytest.raises(UserError, match="320x160"):
        recording.image(0)


@given(st.none() | st.integers(-7, 7), st.none() | st.integers(-7, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_selected_like_a_slice(folder, first, last):
    recording = read_recording(folder)
    assert recording.select(first, last).rows.tolist() == list(range(5))[first:last]


def test_selected_rows_keep_the_logs_numbers_where_others_were_left_out(folder):
    (folder / "IMG" / image_name("center", DRIVE.time_s[1])).unlink()
    recording = read_recording(folder)
    assert recording.select(1, 4).rows.tolist() == [2, 3]
    assert recording.select(3).select(4).rows.tolist() == [4]


def test_a_drive_that_the_service_recorded_can_be_read(tmp_path):
    recorder = Recorder(tmp_path, "1")
    jpeg = jpeg_of(np.zeros((160, 320, 3), np.uint8))
    for number in range(3):
        moment = BEGIN.replace(microsecond=number * 70_000)
        command = Command(0.1, 0.2, 0.0)
        recorder.record(
            RecordedFrame(moment, 0.07 * number, jpeg, "driving", None, 5.0, 0.1, command, command, {})
        )
    recorder.close()
    recorder.wait_closed(10)
    recording = read_recording(recorder.drive)
    np.testing.assert_allclose(recording.time_s, [0, 0.07, 0.14])
    assert recording.images["left"] == (None, None, None)
    assert recording.skipped == {}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "driving_log.csv").unlink(), "There is no driving_log.csv in"),
        (
            lambda f: (f / "driving_log.csv").unlink() or (f / "driving_log.csv").mkdir(),
            r"driving_log.csv cannot be read \(Is a directory\)",
        ),
        (lambda f: (f / "driving_log.csv").write_text("time,angle\n1,2\n"), "are time, angle: a recording"),
        (lambda f: (f / "driving_log.csv").write_text("1,2,3\n4,5,6\n"), "are not those of the simulator"),
        (lambda f: (f / "driving_log.csv").write_text(""), "has no usable row"),
        (lambda f: (f / "driving_log.csv").write_bytes(bytes(range(256)) * 9), "driving_log.csv"),
        (
            lambda f: [p.unlink() for p in (f / "IMG").iterdir()],
            r"\(left out: image missing: 5\)",
        ),
        (
            lambda f: (f / "driving_log.csv").write_text(
                (f / "driving_log.csv").read_text().splitlines()[0] + "\n"
            ),
            "has one usable row",
        ),
    ],
)
def test_what_cannot_be_driven_is_one_sentence(folder, damage, sentence):
    damage(folder)
    with pytest.raises(UserError, match=sentence) as error:
        read_recording(folder)
    assert "\n" not in str(error.value)


def test_the_folder_above_recordings_names_one_of_them(folder):
    with pytest.raises(UserError, match=f"recorded, for example {folder}\\."):
        read_recording(folder.parent)
    with pytest.raises(UserError, match=r"simulator recorded\.$"):
        read_recording(folder / "driving_log.csv")


def test_the_real_recording_is_whole():
    recording = read_recording(real_recording())
    assert len(recording) == 3600
    assert recording.skipped == {}
    assert 0.065 < np.median(np.diff(recording.time_s)) < 0.075
    assert all(None not in paths for paths in recording.images.values())


def test_winding_drives_are_recorded_in_order(tmp_path):
    drive = winding_drive(frames=12)
    recording = read_recording(grey_recording(tmp_path / "r", drive))
    assert (np.diff(recording.time_s) > 0).all()
    assert not recording.suspicious[DUPLICATE].any()
