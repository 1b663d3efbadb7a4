"""Ranges of rows on the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from sim_bridges.udacity.recording.rows import parse_rows

sides = st.none() | st.integers(-9, 9)


@given(sides, sides)
def test_ranges_are_those_of_python(first, stop):
    text = ":".join("" if side is None else str(side) for side in (first, stop))
    assert list(range(7))[parse_rows(text)] == list(range(7))[first:stop]


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:2:3", "1.0:2", "1-5", ":x", "9" * 5000 + ":"])
def test_anything_else_is_refused(text):
    with pytest.raises(UserError, match="write A:B"):
        parse_rows(text)
