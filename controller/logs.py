"""Structured logs: one line an event, `time LEVEL event key=value ...`, for humans and for machines alike."""

import json
import logging
import sys
import time
from typing import TextIO

_LOGGER = logging.getLogger("liquid_drive")
# Silent until `log_to` says where to; Python would print warnings without their fields.
_LOGGER.addHandler(logging.NullHandler())


def log(level: int, event: str, **fields: object) -> None:
    """Logs an event with its fields.

    Args:
        level: A level of the `logging` module.
        event: What happened, in words.
        **fields: The details; None is left out.
    """
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", event, extra={"fields": fields})


def errors_of(library: str) -> logging.Logger:
    """Returns a logger for a library whose errors, and nothing less, are to be among the events."""
    logger = _LOGGER.getChild(library)
    logger.setLevel(logging.ERROR)
    return logger


class EventFormatter(logging.Formatter):
    """Writes a record as one line: UTC time, level, the event, and its fields as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line; line breaks in values are escaped, so that nobody can forge an event."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        parts = [f"{moment}.{int(record.msecs):03d}Z", record.levelname, _one_line(record.getMessage())]
        fields: dict[str, object] = getattr(record, "fields", {})
        parts += [f"{name}={_value(value)}" for name, value in fields.items() if value is not None]
        if record.exc_info:
            parts.append(f"error={_value(self.formatException(record.exc_info))}")
        return " ".join(parts)


def log_to(stream: TextIO | None = None) -> None:
    """Sends the events to a stream, standard error unless told otherwise."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EventFormatter())
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(' ="') else json.dumps(text)
