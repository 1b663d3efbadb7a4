"""Ranges of rows, as they are written on the command line."""

import re

from models.errors import UserError

_RANGE = re.compile(r"(-?\d{1,18})?:(-?\d{1,18})?")


def parse_rows(text: str) -> slice:
    """Returns the slice that `A:B` means; either side may be left out, negative numbers count from the end.

    Raises:
        UserError: It is no such range.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise UserError(f"The rows {text!r} are no range: write A:B, such as 0:2069, 2163: or :.")
    first, stop = (int(number) if number else None for number in found.groups())
    return slice(first, stop)
