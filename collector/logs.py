"""Logs: one event a line on standard error, for people or as JSON; what repeats is sampled.

What is logged holds nothing of a report and nothing of who sent it: fields are kinds and numbers, and of an exception
only its type and where it was raised are told, since its text may quote what it was given.
"""

from __future__ import annotations

import enum
import json
import logging
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

_OURS = ("collector", "policybuilder", "uvicorn")
"""Whose events below a warning are wanted, when they are asked for; others' may hold anything."""

_SAMPLE_SECONDS = 1.0
_MAX_EVENTS = 256
"""Of those that are remembered; programs have fewer, but messages that were put together beforehand differ."""

_MAX_FRAMES = 8


class LogFormat(enum.StrEnum):
    """How an event is logged, in one line."""

    TEXT = "text"
    JSON = "json"


class LogLevel(enum.StrEnum):
    """The least of what is logged."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Sampling(logging.Filter):
    """Lets an event through once a second: the same logger and the same message, before anything is put into it.

    Its next line says how many were left out before it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged; then it says how many were not, as `repeated`."""
        event, now = (record.name, str(record.msg)), self._clock()
        with self._lock:
            logged_at, left_out = self._latest.pop(event, (now - _SAMPLE_SECONDS, 0))
            is_due = now - logged_at >= _SAMPLE_SECONDS
            self._latest[event] = (now, 0) if is_due else (logged_at, left_out + 1)
            if len(self._latest) > _MAX_EVENTS:
                self._latest.popitem(last=False)
        record.repeated = left_out
        return is_due


class JSONLines(logging.Formatter):
    """An object a line, in ASCII: whatever is in it, a terminal shows it as it is."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's time, level, logger, event, and fields."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            **_fields(record),
        }
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """The same for people; the event's text holds its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line, in which what could be mistaken for something else is escaped."""
        more = "".join(f" {name}={value}" for name, value in _beside_event(record).items())
        line = f"{_time(record)} {record.levelname} {record.name}: {_event(record)}{more}"
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def _time(record: logging.LogRecord) -> str:
    """UTC, in milliseconds."""
    return f"{datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _event(record: logging.LogRecord) -> str:
    text = record.getMessage().strip()
    # asyncio describes a task in further lines, and with it the text of the exception that ended it.
    return text.partition("\n")[0] if record.name == "asyncio" else text


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What was put into the message by name, as `"%(reason)s", {"reason": …}`, and what is beside it."""
    by_name = {str(name): value for name, value in record.args.items()} if isinstance(record.args, Mapping) else {}
    return {**by_name, **_beside_event(record)}


def _beside_event(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = {}
    if repeated := getattr(record, "repeated", 0):
        found["repeated"] = repeated
    if record.exc_info and (error := record.exc_info[1]) is not None:
        found["exception"] = type(error).__name__
        found["raised"] = _where(error)
    return found


def _where(error: BaseException) -> str:
    """The functions an exception came through, the one that raised it first."""
    frames = traceback.extract_tb(error.__traceback__)[: -_MAX_FRAMES - 1 : -1]
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def set_up_logs(log_format: LogFormat, log_level: LogLevel) -> None:
    """Have everything that this process logs go to standard error like this, and what ends it too."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines() if log_format is LogFormat.JSON else TextLines())
    handler.addFilter(Sampling())
    level = log_level.value.upper()
    handler.setLevel(level)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    # Where a line cannot be written there is no other place to say so; the library would, in many lines.
    logging.raiseExceptions = False
    logger = logging.getLogger(__name__)
    sys.excepthook = lambda kind, error, at: logger.critical("the process ends", exc_info=(kind, error, at))
    threading.excepthook = lambda ended: logger.critical("a thread ends", exc_info=ended.exc_value)
