"""What is let through to the Socket.IO library."""

import pytest

from benchmarks.our_way import telemetry
from sim_bridges.udacity.engine import is_plain


def test_a_telemetry_is_plain():
    assert is_plain(telemetry(0)[1:])


@pytest.mark.parametrize(
    "message", [b"binary", '51-["telemetry",{}]', "61-[]", '2["x",' + 300 * "[],", '2["x"' + 300 * ",1"]
)
def test_what_piles_up_or_takes_long_is_not_plain(message):
    assert not is_plain(message)
