"""Files for results: checked before the work whose results they are to hold, whole or not there at all."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.errors import UserError


def check_writable(path: Path) -> None:
    """Makes sure that a file can be written, and makes its folder if need be; leaves the file as it was.

    Raises:
        UserError: It cannot.
    """
    try:
        if _is_device(path) or is_stdout(path):
            return
        place = path.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.open("ab").close()
        partial = _partial(place)
        partial.touch()
        partial.unlink()
    except (OSError, RuntimeError, ValueError) as error:  # Loops of links, and names that are none.
        raise UserError(f"{path} cannot be written ({_reason(error)}): choose another place.") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields where to write what then takes a file's place; a reader sees the old file or the new one.

    Links stay links, and pipes and devices are written as they are.

    Raises:
        UserError: It cannot be written, for lack of space for example.
    """
    with telling_of(path), taking_the_place_of(path) as partial:
        yield partial


@contextmanager
def taking_the_place_of(path: Path) -> Iterator[Path]:
    """As `replacing`, for work that may fail for reasons of its own: raises OSError as it comes."""
    if _is_device(path):
        yield path
        return
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(place)
    try:
        yield partial
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def telling_of(path: Path) -> Iterator[None]:
    """Raises UserError where an OSError says that a file cannot be written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"{path} cannot be written ({why}): make room, or choose another place.") from error


def is_file(path: Path) -> bool:
    """Returns whether there is such a file that may be looked at, whatever the name."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_stdout(path: Path) -> bool:
    """Returns whether a path names the standard output, wherever that goes."""
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (AttributeError, OSError, ValueError):
        return False


def write_text(path: Path, text: str) -> None:
    """Writes text; a reader sees the old file or the new one, never a part."""
    if is_stdout(path):
        # Opened by its name, a file that standard output goes to would lose what is in it.
        with telling_of(path):
            sys.stdout.flush()
            with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as stdout:
                stdout.write(text)
        return
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Writes JSON; a reader sees the old file or the new one, never a part."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file that the program wrote itself.

    Raises:
        UserError: It cannot be read, or is no JSON any more.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): restore it, or delete it to have it made again."
        ) from None


def _reason(error: Exception) -> object:
    """Returns why a place cannot be written."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "one of its folders is a file"
    return getattr(error, "strerror", None) or error


def _partial(place: Path) -> Path:
    """Returns a name that no other process uses, with the same ending: some writers look at it."""
    return place.with_name(f"partial-{os.getpid()}-{place.name}")


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
