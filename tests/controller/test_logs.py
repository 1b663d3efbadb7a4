"""Structured logs."""

import io
import logging

from hypothesis import given
from hypothesis import strategies as st

from controller.logs import log, log_to


def logged(event: str, **fields: object) -> str:
    stream = io.StringIO()
    log_to(stream)
    log(logging.WARNING, event, **fields)
    return stream.getvalue()


def test_an_event_is_one_line_of_words_and_fields():
    line = logged(
        "state changed", vehicle="7", before="ready", reason='a "frame" came', speed_mps=1.23456789, none=None
    )
    assert line.split(" ", 1)[1] == (
        'WARNING state changed vehicle=7 before=ready reason="a \\"frame\\" came" speed_mps=1.23457\n'
    )
    assert line[:4].isdigit()
    assert line.split(" ")[0].endswith("Z")


@given(st.text(), st.text())
def test_nobody_can_forge_an_event(event, value):
    assert len(logged(event, value=value).splitlines()) == 1


def test_an_exception_is_logged_with_its_traceback():
    stream = io.StringIO()
    log_to(stream)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("liquid_drive").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ERROR failed error=" in line
    assert "Traceback" in line
    assert "ValueError: broken" in line
