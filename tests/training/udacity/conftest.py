import pytest

from sim_bridges.udacity.recording import Recording, read_recording
from tests.sim_bridges.udacity.drawn_recording import draw_recording, winding_drive


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Recording:
    """Eight seconds along a drawn road."""
    return read_recording(draw_recording(tmp_path_factory.mktemp("drawn") / "drawn", winding_drive()))
