"""How server, executor and agents keep their own logs: as text, or as JSON, an object a line.

A line that concerns a job names it: `log.info(words, extra=about(job_id))`. In JSON that is the
field `job`; in text it stands behind the words, unless they hold it already. Standard library, for
it travels with agents.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from launcher.errors import SpecError

FORMATS = ("text", "json")
VARIABLE = "LAUNCHER_LOG_FORMAT"
FIELDS = ("cluster", "job", "jobs", "allocation", "attempt", "rank", "node")
"""What a line may say of itself beside its words, in this order."""


def about(*jobs: str, **fields: object) -> dict[str, object]:
    """The `extra` of a line on these jobs.

    >>> about("a-1", attempt=2), about("a-1", "b-2")
    ({'job': 'a-1', 'attempt': 2}, {'jobs': ['a-1', 'b-2']})
    """
    named: dict[str, object] = {"job": jobs[0]} if len(jobs) == 1 else {"jobs": list(jobs)}
    return (named if jobs else {}) | fields


def chosen_format(wanted: str | None = None) -> str:
    """What is wanted, else LAUNCHER_LOG_FORMAT, else text.

    Raises:
        SpecError: the variable is neither.
    """
    found = wanted or os.environ.get(VARIABLE) or FORMATS[0]
    if found not in FORMATS:
        raise SpecError(f"{VARIABLE}={found}: is none of {', '.join(FORMATS)}")
    return found


def keep(
    service: str,
    *,
    format: str,  # noqa: A002 - the option's word
    file: Path | None = None,
    threads: bool = False,
    **fields: object,
) -> None:
    """From now on all logging of this process goes there; in JSON also what nobody caught.

    Args:
        service: which of our processes this is.
        format: one of `FORMATS`.
        file: where. Default: stderr.
        threads: text names the thread.
        fields: what every line says.
    """
    handler = (
        logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
        if file
        else logging.StreamHandler()
    )
    own = {
        name: value for name, value in fields.items() if name == "job"
    }  # text has room for no more
    handler.setFormatter(
        JsonLines(service, fields) if format == "json" else TextLines(own, threads=threads)
    )
    level = os.environ.get("LAUNCHER_LOG_LEVEL", "INFO")
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if format == "json":
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda told: _log_uncaught(
            told.exc_type, told.exc_value, told.exc_traceback
        )


class TextLines(logging.Formatter):
    """`2026-11-22 14:03:21,123 INFO launcher.server.control: a-1: started`, for people."""

    def __init__(self, fields: dict[str, object], *, threads: bool = False) -> None:
        thread = " %(threadName)s" if threads else ""
        super().__init__(f"%(asctime)s %(levelname)s{thread} %(name)s: %(message)s")
        self._fields = fields

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = super().formatMessage(record)
        told = [f"{name}={_as_text(value)}" for name, value in _fields(record, self._fields)
                if _as_text(value) not in record.message]  # fmt: skip
        return f"{line} [{' '.join(told)}]" if told else line


class JsonLines(logging.Formatter):
    """One object a line, whatever the words hold; tracebacks in the field `exception`."""

    def __init__(self, service: str, fields: dict[str, object]) -> None:
        super().__init__()
        self._service, self._fields = service, fields

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
            **dict(_fields(record, self._fields)),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = record.stack_info
        return json.dumps(told, default=str)  # ASCII: no name of a file can break a reader


def _fields(record: logging.LogRecord, always: dict[str, object]) -> list[tuple[str, object]]:
    told = always | {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    return [(name, told[name]) for name in FIELDS if told.get(name) is not None]


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _moment(seconds: float) -> str:
    """In UTC, to the millisecond.

    >>> _moment(1.0625)
    '1970-01-01T00:00:01.062Z'
    """
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("launcher").critical("nobody caught this", exc_info=(kind, error, trace))
