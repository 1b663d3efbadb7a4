"""Reading marshalled lambdas of many Python versions, without running them."""

import base64
import contextlib
import marshal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lambda_code import Affine, UnknownCodeError, read_affine

# What each Python version marshals of `lambda x: x / 127.5 - 1.0`, `x / 127.5 - 1`, `(x - 127.5) / 127.5` and
# `2 * x + 3`.
CODES = {
    "3.6": {
        "float": (
            "4wEAAAAAAAAAAQAAAAIAAABDAAAAcwwAAAB8AGQBGwBkAhgAUwApA07nAAAAAADgX0DnAAAAAAAA8D+pACkB2gF4"
            "cgMAAAByAwAAAPoHPHN0ZGluPtoIPGxhbWJkYT4CAAAAcwAAAAA="
        ),
        "integer": (
            "4wEAAAAAAAAAAQAAAAIAAABDAAAAcwwAAAB8AGQBGwBkAhgAUwApA07nAAAAAADgX0DpAQAAAKkAKQHaAXhyAwAA"
            "AHIDAAAA+gc8c3RkaW4+2gg8bGFtYmRhPgIAAABzAAAAAA=="
        ),
        "centred": (
            "4wEAAAAAAAAAAQAAAAIAAABDAAAAcwwAAAB8AGQBGABkARsAUwApAk7nAAAAAADgX0CpACkB2gF4cgIAAAByAgAA"
            "APoHPHN0ZGluPtoIPGxhbWJkYT4CAAAAcwAAAAA="
        ),
        "other": (
            "4wEAAAAAAAAAAQAAAAIAAABDAAAAcwwAAABkAXwAFABkAhcAUwApA07pAgAAAOkDAAAAqQApAdoBeHIDAAAAcgMA"
            "AAD6BzxzdGRpbj7aCDxsYW1iZGE+AgAAAHMAAAAA"
        ),
    },
    "3.8": {
        "float": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAfABkARsAZAIYAFMAKQNO5wAAAAAA4F9A5wAAAAAAAPA/qQCp"
            "AdoBeHIDAAAAcgMAAAD6BzxzdGRpbj7aCDxsYW1iZGE+AgAAAPMAAAAA"
        ),
        "integer": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAfABkARsAZAIYAFMAqQNO5wAAAAAA4F9A6QEAAACpAKkB2gF4"
            "cgQAAAByBAAAAPoHPHN0ZGluPtoIPGxhbWJkYT4CAAAA8wAAAAA="
        ),
        "centred": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAfABkARgAZAEbAFMAKQJO5wAAAAAA4F9AqQCpAdoBeHICAAAA"
            "cgIAAAD6BzxzdGRpbj7aCDxsYW1iZGE+AgAAAPMAAAAA"
        ),
        "other": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAZAF8ABQAZAIXAFMAKQNO6QIAAADpAwAAAKkAqQHaAXhyAwAA"
            "AHIDAAAA+gc8c3RkaW4+2gg8bGFtYmRhPgIAAADzAAAAAA=="
        ),
    },
    "3.10": {
        "float": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAPMMAAAAfABkARsAZAIYAFMAKQNO5wAAAAAA4F9A5wAAAAAAAPA/qQCp"
            "AdoBeHIEAAAAcgQAAAD6BzxzdGRpbj7aCDxsYW1iZGE+AgAAAPMCAAAADAA="
        ),
        "integer": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAPMMAAAAfABkARsAZAIYAFMAqQNO5wAAAAAA4F9A6QEAAACpAKkB2gF4"
            "cgUAAAByBQAAAPoHPHN0ZGluPtoIPGxhbWJkYT4CAAAA8wIAAAAMAA=="
        ),
        "centred": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAfABkARgAZAEbAFMAKQJO5wAAAAAA4F9AqQCpAdoBeHICAAAA"
            "cgIAAAD6BzxzdGRpbj7aCDxsYW1iZGE+AgAAAPMCAAAADAA="
        ),
        "other": (
            "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMMAAAAZAF8ABQAZAIXAFMAKQNO6QIAAADpAwAAAKkAqQHaAXhyAwAA"
            "AHIDAAAA+gc8c3RkaW4+2gg8bGFtYmRhPgIAAADzAgAAAAwA"
        ),
    },
    "3.11": {
        "float": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAHwAZAF6CwAAZAJ6CgAAUwApA07nAAAAAADgX0DnAAAAAAAA8D+p"
            "AKkB2gF4cwEAAAAg+gc8c3RkaW4++gg8bGFtYmRhPnIIAAAAAgAAAHMOAAAAgACQUZB1kVeYU5FbgADzAAAAAA=="
        ),
        "integer": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAHwAZAF6CwAAZAJ6CgAAUwCpA07nAAAAAADgX0DpAQAAAKkAqQHa"
            "AXhzAQAAACD6BzxzdGRpbj76CDxsYW1iZGE+cgkAAAACAAAAcw4AAACAALARsDWxF7gRsRmAAPMAAAAA"
        ),
        "centred": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAHwAZAF6CgAAZAF6CwAAUwApAk7nAAAAAADgX0CpAKkB2gF4cwEA"
            "AAAg+gc8c3RkaW4++gg8bGFtYmRhPnIHAAAAAgAAAHMTAAAAgADQZWbQZ2zRZWzQbnPRZHOAAPMAAAAA"
        ),
        "other": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAGQBfAB6BQAAZAJ6AAAAUwApA07pAgAAAOkDAAAAqQCpAdoBeHMB"
            "AAAAIPoHPHN0ZGluPvoIPGxhbWJkYT5yCAAAAAIAAABzDgAAAIAAyDHIUckzyHHJNYAA8wAAAAA="
        ),
    },
    "3.12": {
        "float": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAHwAZAF6CwAAZAJ6CgAAUwApA07nAAAAAADgX0DnAAAAAAAA8D+p"
            "AKkB2gF4cwEAAAAg+gc8c3RkaW4++gg8bGFtYmRhPnIIAAAAAgAAAHMOAAAAgACQUZB1kVeYU5FbgADzAAAAAA=="
        ),
        "integer": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAHwAZAF6CwAAZAJ6CgAAUwCpA07nAAAAAADgX0DpAQAAAKkAqQHa"
            "AXhzAQAAACD6BzxzdGRpbj76CDxsYW1iZGE+cgkAAAACAAAAcw4AAACAALARsDWxF7gRsRmAAPMAAAAA"
        ),
        "centred": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAHwAZAF6CgAAZAF6CwAAUwApAk7nAAAAAADgX0CpAKkB2gF4cwEA"
            "AAAg+gc8c3RkaW4++gg8bGFtYmRhPnIHAAAAAgAAAHMTAAAAgADQZWbQZ2zRZWzQbnPRZHOAAPMAAAAA"
        ),
        "other": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACXAGQBfAB6BQAAZAJ6AAAAUwApA07pAgAAAOkDAAAAqQCpAdoBeHMB"
            "AAAAIPoHPHN0ZGluPvoIPGxhbWJkYT5yCAAAAAIAAABzDgAAAIAAyDHIUckzyHHJNYAA8wAAAAA="
        ),
    },
    "3.13": {
        "float": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACVAFUAUwEtCwAAUwItCgAAJAApA07nAAAAAADgX0DnAAAAAAAA8D+p"
            "AKkB2gF4cwEAAAAg2gc8c3RkaW4+2gg8bGFtYmRhPnIIAAAAAgAAAHMMAAAAgACQUZB1kVeYU5Jb8wAAAAA="
        ),
        "integer": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACVAFUAUwEtCwAAUwItCgAAJACpA07nAAAAAADgX0DpAQAAAKkAqQHa"
            "AXhzAQAAACDaBzxzdGRpbj7aCDxsYW1iZGE+cgkAAAACAAAAcwwAAACAALARsDWxF7gRshnzAAAAAA=="
        ),
        "centred": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACVAFUAUwEtCgAAUwEtCwAAJAApAk7nAAAAAADgX0CpAKkB2gF4cwEA"
            "AAAg2gc8c3RkaW4+2gg8bGFtYmRhPnIHAAAAAgAAAHMRAAAAgADQZWbQZ2zRZWzQbnPSZHPzAAAAAA=="
        ),
        "other": (
            "4wEAAAAAAAAAAAAAAAIAAAADAAAA8xIAAACVAFMBVQAtBQAAUwItAAAAJAApA07pAgAAAOkDAAAAqQCpAdoBeHMB"
            "AAAAINoHPHN0ZGluPtoIPGxhbWJkYT5yCAAAAAIAAABzDAAAAIAAyDHIUckzyHHKNfMAAAAA"
        ),
    },
}

PUBLISHED = Affine(pytest.approx(1 / 127.5), pytest.approx(-1.0))


@pytest.mark.parametrize("version", CODES)
@pytest.mark.parametrize("form", ["float", "integer", "centred"])
def test_recognises_the_published_rescaling(version, form):
    affine = read_affine(base64.b64decode(CODES[version][form]))
    assert (affine.scale, affine.offset) == (PUBLISHED.scale, PUBLISHED.offset)


@pytest.mark.parametrize("version", CODES)
def test_reads_another_affine_function_as_what_it_is(version):
    assert read_affine(base64.b64decode(CODES[version]["other"])) == Affine(2.0, 3.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: print(x),  # noqa: T201
        lambda x: __import__("os").system(x),
        lambda x: x.shape,
        lambda x: x * x,
        lambda x: 1 / x,
        lambda x: x / 0,
        lambda x: x**2,
        lambda x: -x,
        lambda x: [x],
        lambda x: x if x else 1,
        lambda x, y: x + y,
        lambda: 1,
        lambda x: True,  # noqa: ARG005
        lambda x: "text",  # noqa: ARG005
        lambda x: lambda: x,
    ],
)
def test_refuses_every_other_function(function):
    with pytest.raises(UnknownCodeError):
        read_affine(marshal.dumps(function.__code__))


def test_the_code_is_never_run():
    """A code whose instructions are sound up to the end, where it would call something."""
    code = bytearray(base64.b64decode(CODES["3.8"]["float"]))
    at = code.index(bytes([83, 0]))
    code[at] = 131
    with pytest.raises(UnknownCodeError):
        read_affine(bytes(code))


@pytest.mark.parametrize("version", CODES)
def test_a_code_that_is_cut_off_is_refused_or_the_same(version):
    """What follows the instructions, constants and names has no part in the meaning."""
    whole = base64.b64decode(CODES[version]["float"])
    for size in range(len(whole)):
        try:
            assert read_affine(whole[:size]).scale == PUBLISHED.scale
        except UnknownCodeError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content):
    with pytest.raises(UnknownCodeError):
        read_affine(b"\xe3" + content)


@given(st.data())
def test_a_damaged_code_is_refused_or_affine(data):
    code = bytearray(base64.b64decode(CODES["3.12"]["float"]))
    for _ in range(data.draw(st.integers(1, 4))):
        code[data.draw(st.integers(0, len(code) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnknownCodeError):
        assert isinstance(read_affine(bytes(code)), Affine)


def test_what_is_no_code_or_too_long_or_deep_is_refused():
    for content in (b"", b"N", marshal.dumps(3.0), marshal.dumps((1, 2)), b"\xe3" * 5000):
        with pytest.raises(UnknownCodeError):
            read_affine(content)
    deep = b"c" + struct.pack("<6i", 1, 0, 0, 1, 1, 0) + b"(\x01\x00\x00\x00" * 500
    with pytest.raises(UnknownCodeError):
        read_affine(deep)
