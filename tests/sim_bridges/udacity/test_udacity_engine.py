"""What is let through to the Socket.IO library."""

import pytest

from benchmarks.our_way import telemetry
from sim_bridges.udacity.engine import STRUCTURE_MAX, MessageRate, is_plain, is_root_event


def test_a_telemetry_is_plain():
    assert is_plain(telemetry(0)[1:])


@pytest.mark.parametrize(
    "message", [b"binary", '51-["telemetry",{}]', "61-[]", '2["x",' + 300 * "[],", '2["x"' + 300 * ",1"]
)
def test_what_piles_up_or_takes_long_is_not_plain(message):
    assert not is_plain(message)


@pytest.mark.parametrize("piece", ["[", "{", ","])
def test_only_so_much_structure_is_plain(piece):
    assert is_plain(STRUCTURE_MAX * piece)
    assert not is_plain((STRUCTURE_MAX + 1) * piece)


def test_a_rate_admits_a_seconds_worth_at_once_and_then_what_was_earned():
    rate = MessageRate(10.0, 100.0)
    assert sum(rate.admits(100.0) for _ in range(15)) == 10
    assert not rate.admits(100.05)
    assert rate.admits(100.16)
    assert sum(rate.admits(1000.0) for _ in range(15)) == 10


@pytest.mark.parametrize("message", ['2["telemetry",{}]', '217["telemetry",{}]'])
def test_an_event_on_the_root_namespace_may_have_an_id(message):
    assert is_root_event(message)


@pytest.mark.parametrize("message", ["", "0", "1", "2", '3["x"]', '4["x"]', "2/other,[]", b"2[]"])
def test_nothing_else_is_an_event_on_the_root_namespace(message):
    assert not is_root_event(message)
