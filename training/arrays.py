"""Arrays on disk, in `.npz` files: written whole or not at all, and damaged ones named in one sentence."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from models.errors import UserError
from models.files import replacing

READ_ERRORS = (EOFError, OSError, LookupError, TypeError, ValueError, BadZipFile, zlib.error)
"""What reading a damaged file, or one of another kind, may raise."""


def save_arrays(path: Path, *arrays: Any, **named: Any) -> None:
    """Writes arrays, those without a name as `arr_0`, `arr_1`…; a reader sees all of them or none.

    Raises:
        UserError: The file cannot be written.
    """
    with replacing(path) as partial:
        np.savez(partial, *arrays, **named)


@contextmanager
def saved_arrays(path: Path) -> Iterator[Any]:
    """Yields the arrays of a file by their names, each read when it is asked for.

    Raises:
        UserError: The file cannot be read, or what the caller makes of its arrays fails.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except READ_ERRORS as error:
        raise UserError(f"{path} is damaged ({error}): delete it to have it made again.") from error
