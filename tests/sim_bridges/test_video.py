"""Films: whole in their file's place, or not there at all."""

import resource

import cv2
import numpy as np
import pytest

from models.errors import UserError
from sim_bridges.video import filming

PICTURES = np.random.default_rng(0).integers(0, 255, (30, 60, 80, 3), np.uint8)


def write(path, pictures=PICTURES):
    with filming(path, 25.0) as video:
        for picture in pictures:
            video.add(picture)


def broken_off(error):
    yield PICTURES[0]
    raise error


@pytest.mark.parametrize("name", ["10:30.mp4", "drive.mp4", "drive.GIF"])
def test_all_pictures_are_in_the_film(tmp_path, name):
    write(tmp_path / name)
    film = cv2.VideoCapture(str(tmp_path / name))
    count = 0
    while film.read()[0]:
        count += 1
    assert count == len(PICTURES)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["drive.mp4", "drive.gif"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError, BrokenPipeError])
def test_a_film_that_is_broken_off_leaves_the_old_one(tmp_path, name, error):
    write(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(error):
        write(tmp_path / name, broken_off(error))
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture
def little_room():
    """No file may grow beyond 20 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("name", ["drive.mp4", "drive.gif"])
def test_a_film_for_which_there_is_no_room_is_one_sentence(tmp_path, name):
    with pytest.raises(UserError, match=f"{name} cannot be written .*: make room, or choose another place"):
        write(tmp_path / name)
    assert not list(tmp_path.iterdir())
