"""Numbers in the cultures of the simulator's machines."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_bridges.udacity.numbers import NotANumberError, read_number, write_number
from tests.sim_bridges.udacity.simulator_client import CULTURES, Culture

cultures = st.sampled_from(CULTURES)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.5000", 2.5),
        ("2,5000", 2.5),
        ("-1.2500", -1.25),
        ("-1,2500", -1.25),
        ("1.2500-", -1.25),
        ("1/2500-", -1.25),
        ("1/2500", 1.25),
        ("1,234.5000", 1234.5),
        ("1.234,5000", 1234.5),
        ("1 234,5000", 1234.5),
        ("1\u00a0234,5000", 1234.5),
        ("1\u202f234,5000", 1234.5),
        ("1\u2019234.5000", 1234.5),
        ("1'234.5000", 1234.5),
        ("1,234,567.1234", 1234567.1234),
        ("12,34,567.0000", 1234567.0),
        ("1,234/5000", 1234.5),
        ("1\u2009234,5000", 1234.5),
        ("1\u066c234\u066b5000", 1234.5),
        ("\u22122,5000", -2.5),
        ("\u20122,5000", -2.5),
        ("\u20132.5000", -2.5),
        ("\ufe632.5000", -2.5),
        ("\uff0d2.5000", -2.5),
        ("\u200e-2,5000", -2.5),
        ("\u061c-2,5000", -2.5),
        ("2.5000\u200f-", -2.5),
        ("(2.5000)", -2.5),
        ("- 2.5000", -2.5),
        ("2.5000 -", -2.5),
        ("+2.5", 2.5),
        ("0.05", 0.05),
        (".5", 0.5),
        ("-0", 0.0),
        ("15", 15.0),
        ("1e3", 1000.0),
        ("1.5e-05", 1.5e-05),
        ("-500e-4", -0.05),
        (" 7,0000 ", 7.0),
        (3, 3.0),
        (-0.25, -0.25),
    ],
)
def test_reads_numbers_of_many_cultures(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "nan",
        "NaN",
        "Infinity",
        "-Infinity",
        "\u221e",
        "1e999",
        "--1.0",
        "-1.0-",
        "(1.0",
        "1.0)",
        "(-1.0)",
        "1.2.3",
        "1e-05,0",
        "1e5.5",
        "1,2,3",
        "1,234,5000",
        "1,2345.0000",
        "1.",
        "abc",
        "0x10",
        "1_000.0",
        "\u0661\u0662.\u0660\u0660",
        "9" * 65,
        "1" + ",111" * 1000 + ".0",
        None,
        True,
        [],
        {},
        b"1.0",
        math.nan,
        math.inf,
        10**400,
    ],
)
def test_refuses_what_is_no_finite_number(text):
    with pytest.raises(NotANumberError):
        read_number(text)


@given(st.floats(-2_000_000, 2_000_000), cultures)
def test_reads_back_what_a_simulator_of_any_culture_writes(number, culture: Culture):
    assert read_number(culture.write(number)) == pytest.approx(number, abs=5.01e-5)


@given(st.floats(-1, 1), cultures)
def test_a_simulator_of_any_culture_reads_what_we_write(number, culture: Culture):
    text = write_number(number)
    assert culture.read(text) == pytest.approx(number, abs=5.01e-7)
    assert not set(text) - set("0123456789e-")


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(NotANumberError):
        assert math.isfinite(read_number(text))


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers()), st.binary()))
def test_any_json_value_is_read_or_refused(value):
    with contextlib.suppress(NotANumberError):
        assert math.isfinite(read_number(value))


def test_a_german_simulator_misreads_a_plain_decimal_point():
    """The reason for the exponent form; and the client of these tests reads as the real one does."""
    german = next(culture for culture in CULTURES if culture.name == "de-DE")
    assert german.read("0.05") == 5.0
    assert german.read(write_number(0.05)) == 0.05
