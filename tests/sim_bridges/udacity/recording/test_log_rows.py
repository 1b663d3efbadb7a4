"""Lines of a driving log, as machines of any culture write them."""

import csv

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim_bridges.udacity.recording.log_rows import LogRow, is_header, names_known_columns, parse_row
from tests.sim_bridges.udacity.drawn_recording import real_recording

IMAGES = ["IMG/center_1.jpg", "IMG/left_1.jpg", "IMG/right_1.jpg"]


def singles(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32).map(lambda value: float(f"{value:.7g}"))


ROWS = st.builds(
    lambda steering, pedal, braked, speed: (steering, 0.0 if braked else pedal, pedal * braked, speed),
    singles(-1, 1),
    singles(0, 1),
    st.booleans(),
    singles(0, 31),
)


def written(value: float, decimal: str) -> str:
    """As .NET writes a float, which knows no trailing zeros."""
    return f"{value:.7g}".replace("e", "E").replace(".", decimal)


def fields_of(values: tuple[float, ...], decimal: str) -> list[str]:
    return ",".join([*IMAGES, *(written(value, decimal) for value in values)]).split(",")


def numbers(row: LogRow | None) -> tuple[float, ...] | None:
    return None if row is None else (row.steering, row.throttle, row.brake, row.speed_mph)


@given(ROWS, st.sampled_from([".", "/"]))
def test_what_has_no_comma_is_read_as_it_was_written(values, decimal):
    assert numbers(parse_row(fields_of(values, decimal))) == values


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_decimal_commas_are_read_as_written_or_in_another_way_that_is_written_alike(rows):
    before = None
    for values in rows:
        fields = fields_of(values, ",")
        before = parse_row(fields, before)
        assert fields_of(numbers(before), ",") == fields


def test_a_line_that_only_the_row_before_can_decide():
    fields = [*IMAGES, "0", "5", "0", "0", "3", "5"]
    rolling = LogRow(tuple(IMAGES), 0.5, 0.0, 0.0, 3.6)
    braking = LogRow(tuple(IMAGES), 0.5, 0.0, 0.4, 5.2)
    assert numbers(parse_row(fields, rolling)) == (0.5, 0.0, 0.0, 3.5)
    assert numbers(parse_row(fields, braking)) == (0.5, 0.0, 0.3, 5.0)


def test_every_row_of_a_real_log_survives_a_comma_decimal_machine():
    before = None
    with (real_recording() / "driving_log.csv").open(newline="") as log:
        for line in csv.reader(log):
            germans = ",".join([*line[:3], *(number.replace(".", ",") for number in line[3:])])
            before = parse_row(germans.split(","), before)
            assert before == parse_row(line)


@given(st.lists(st.text(max_size=8), max_size=14))
def test_any_other_line_is_none_or_a_row_within_bounds(fields):
    row = parse_row(fields)
    if row is not None:
        assert abs(row.steering) <= 1
        assert 0 <= row.throttle <= 1
        assert 0 <= row.brake <= 1
        assert np.isfinite(row.speed_mph)


def test_steering_out_of_bounds_is_no_row():
    assert parse_row([*IMAGES, "1.5", "0", "0", "10"]) is None
    assert parse_row([*IMAGES, "nan", "0", "0", "10"]) is None


def test_headers_are_known_by_their_lack_of_digits():
    header = [" Center", "left", "right", "steering", "throttle", "brake", "speed"]
    assert is_header(header)
    assert names_known_columns(header)
    assert is_header(["time", "angle"])
    assert not names_known_columns(["time", "angle"])
    assert not is_header([*IMAGES, "0", "0", "0", "0"])
