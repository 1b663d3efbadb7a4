"""A drawn recording for all tests of this folder."""

import pytest

from sim_bridges.udacity.recording import Recording, read_recording
from tests.sim_bridges.udacity.drawn_recording import draw_recording, winding_drive


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory):
    return draw_recording(tmp_path_factory.mktemp("drawn") / "recording", winding_drive(frames=110))


@pytest.fixture(scope="session")
def drawn(drawn_folder) -> Recording:
    return read_recording(drawn_folder)
