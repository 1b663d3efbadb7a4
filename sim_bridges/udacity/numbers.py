"""Numbers as the simulator writes and reads them, on a machine of any culture.

The simulator formats and parses with the culture of the machine it runs on: 2.5 degrees arrive as `2.5000`,
`2,5000`, `2/5000` or, negative, as `2.5000-`; and a German simulator reads `0.05` as 5. So reading takes
the last separator as the decimal one, which is right because the simulator always writes four decimals, and
writing uses no decimal separator at all.
"""

import math
import re

LONGEST_NUMBER = 64

_DIRECTION_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))
_MINUS_SIGNS = str.maketrans(dict.fromkeys("\u2212\u2012\u2013\ufe63\uff0d", "-"))

_SPACES = " \u00a0\u2009\u202f"
_SEPARATORS = ".,'\u2019/\u066b\u066c" + _SPACES
_SIGNED = re.compile(
    rf"(?P<open>\(?)(?P<lead>[-+]?)[{_SPACES}]*(?P<body>.*?)[{_SPACES}]*(?P<trail>-?)(?P<close>\)?)"
)
_GROUPED = re.compile(rf"[0-9]{{1,3}}(?P<group>[{_SEPARATORS}])[0-9]{{2,3}}(?:(?P=group)[0-9]{{2,3}})*")
_DECIMAL = re.compile(
    rf"(?P<whole>.*?)[{_SEPARATORS}](?P<fraction>[0-9]+)(?P<exponent>[eE][-+]?[0-9]{{1,3}})?"
)
_WHOLE = re.compile(r"[0-9]+(?:[eE][-+]?[0-9]{1,3})?")

WIRE_DECIMALS = 6


class NotANumberError(ValueError):
    """A text that is no finite number in any culture."""


def read_number(text: object) -> float:
    """Returns the finite number that the simulator wrote, whatever its culture.

    Args:
        text: A number as text. A number that is one already is taken as it is, since modern clients send
            those.

    Raises:
        NotANumberError: It is no number, or not a finite one.
    """
    if isinstance(text, str):
        value = _read_text(text)
    elif isinstance(text, (int, float)) and not isinstance(text, bool):
        value = _as_float(text)
    else:
        raise NotANumberError(f"expected a number, received {type(text).__name__}")
    if not math.isfinite(value):
        raise NotANumberError(f"expected a finite number, received {_shortened(text)}")
    return value


def write_number(value: float) -> str:
    """Returns a finite number as an integer mantissa with an exponent, which every culture reads alike."""
    mantissa = round(value * 10**WIRE_DECIMALS)
    return f"{mantissa}e-{WIRE_DECIMALS}" if mantissa else "0"


def _read_text(text: str) -> float:
    if len(text) > LONGEST_NUMBER:
        raise NotANumberError(f"expected a number, received {_shortened(text)}")
    plain = text.translate(_DIRECTION_MARKS).translate(_MINUS_SIGNS).strip()
    signed = _SIGNED.fullmatch(plain)
    if signed is None or not _signs_agree(signed):
        raise NotANumberError(f"expected a number, received {_shortened(text)}")
    negative = signed["lead"] == "-" or signed["trail"] == "-" or signed["open"] == "("
    magnitude = _read_magnitude(signed["body"])
    if magnitude is None:
        raise NotANumberError(f"expected a number, received {_shortened(text)}")
    return -magnitude if negative else magnitude


def _signs_agree(signed: re.Match[str]) -> bool:
    """Says whether the text has at most one sign: one in front, one behind, or a pair of brackets."""
    brackets = bool(signed["open"]), bool(signed["close"])
    return (
        brackets[0] == brackets[1] and sum(map(bool, (signed["lead"], signed["trail"], signed["open"]))) <= 1
    )


def _read_magnitude(body: str) -> float | None:
    if _WHOLE.fullmatch(body):
        return float(body)
    decimal = _DECIMAL.fullmatch(body)
    if decimal is None:
        return None
    whole, separator = decimal["whole"], body[len(decimal["whole"])]
    if whole and not (whole.isascii() and whole.isdigit()):
        grouped = _GROUPED.fullmatch(whole)
        if grouped is None or grouped["group"] == separator:
            return None
        whole = whole.replace(grouped["group"], "")
    return float(f"{whole or '0'}.{decimal['fraction']}{decimal['exponent'] or ''}")


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _shortened(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= LONGEST_NUMBER else f"{shown[:LONGEST_NUMBER]}..."
