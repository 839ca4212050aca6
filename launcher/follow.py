"""A job as it happens: server-sent events as typed messages, across every lost connection.

The server numbers its messages by opaque cursors, so a new connection goes on where the last one
broke off: nothing is missed, and nothing comes twice.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from launcher.errors import LauncherError, UnauthorizedError, UnreachableError
from launcher.model.metric import MetricPoint
from launcher.transport import Stream
from launcher.views import CheckpointView, EventView, JobView, view

SILENCE_S = 35.0
"""The server sends a comment every 10 s, so a connection that is silent for longer is dead."""
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class StateChange:
    """The job as it stands now; the first message of all."""

    job: JobView


@dataclass(frozen=True)
class LogChunk:
    """Bytes of a rank's output. `offset`: of the first one, in the rank's whole output."""

    attempt: int
    rank: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class MetricsBatch:
    points: tuple[MetricPoint, ...]


@dataclass(frozen=True)
class Ended:
    """The last message of an ended job: everything of it was told."""

    state: str


@dataclass(frozen=True)
class Interrupted:
    """The server does not answer for `silent_s` seconds now; it is tried again."""

    error: UnreachableError
    silent_s: float


Message = StateChange | EventView | LogChunk | MetricsBatch | CheckpointView | Ended | Interrupted
OpenStream = Callable[[dict[str, str]], AbstractContextManager[Stream]]
"""Opens the stream of events with these query parameters, on a connection of its own."""


def follow(
    open_stream: OpenStream,
    query: dict[str, str],
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Message]:
    """Messages until the job ended; waits for a server that is away, for as long as it takes.

    Raises:
        UnreachableError: the server did not answer the first time.
        LauncherError: it answers, and refuses.
    """
    cursor = query.get("cursor")
    heard: float | None = None
    wait_s = _FIRST_PAUSE_S
    seen = _Seen()
    while True:
        try:
            with open_stream(query | ({"cursor": cursor} if cursor else {})) as stream:
                for record in read_events(stream.lines()):
                    cursor, heard, wait_s = record.id or cursor, clock(), _FIRST_PAUSE_S
                    message = seen.only_new(_message(record))
                    if message is not None:
                        yield message
                    if isinstance(message, Ended):
                        return
        except UnauthorizedError:
            raise
        except UnreachableError as error:
            if heard is None:
                raise
            yield Interrupted(error, clock() - heard)
        pause(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_PAUSE_S)


@dataclass(frozen=True)
class Record:
    """One server-sent event."""

    kind: str
    data: str
    id: str | None


def read_events(lines: Iterable[bytes]) -> Iterator[Record]:
    """The events of a stream; one that was cut off in the middle is no event."""
    kind, identity, data = "message", None, list[str]()
    for line in lines:
        if line:
            name, _, value = line.decode().partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name == "event":
                kind = value
            elif name == "id":
                identity = value
        else:
            if data:
                yield Record(kind, "\n".join(data), identity)
            kind, identity, data = "message", None, []


def _message(record: Record) -> Message | None:
    """The message of an event; None for a kind that only a newer client knows."""
    read = _READERS.get(record.kind)
    if read is None:
        return None
    try:
        return read(json.loads(record.data))
    except (ValueError, KeyError, TypeError) as error:
        raise LauncherError(
            f"the server sent a {record.kind} message that cannot be read: {error}",
            hint="compare `launcher version` here with the server's",
        ) from error


def _log(data: dict[str, Any]) -> LogChunk:
    content = base64.b64decode(data["data"])
    return LogChunk(int(data["attempt"]), int(data["rank"]), int(data["offset"]), content)


def _point(data: dict[str, Any]) -> MetricPoint:
    # JSON has no NaN: the server writes "nan", "inf" and "-inf", which float() reads.
    return MetricPoint(
        str(data["name"]),
        int(data["step"]),
        float(data["value"]),
        float(data["time"]),
        int(data["attempt"]),
        int(data["rank"]),
    )


_READERS: dict[str, Callable[[Any], Message]] = {
    "state": lambda data: StateChange(view(JobView, data)),
    "event": lambda data: view(EventView, data),
    "log": _log,
    "metrics": lambda data: MetricsBatch(tuple(_point(point) for point in data["points"])),
    "checkpoint": lambda data: view(CheckpointView, data),
    "end": lambda data: Ended(str(data["state"])),
}


class _Seen:
    """How far each output was told, so that an overlap after a reconnection is cut off."""

    def __init__(self) -> None:
        self._ends: dict[tuple[int, int], int] = {}

    def only_new(self, message: Message | None) -> Message | None:
        if not isinstance(message, LogChunk):
            return message
        stream = (message.attempt, message.rank)
        known = self._ends.get(stream, message.offset)
        overlap = max(known - message.offset, 0)
        self._ends[stream] = max(known, message.offset + len(message.data))
        if overlap >= len(message.data):
            return None
        data = message.data[overlap:]
        return LogChunk(message.attempt, message.rank, message.offset + overlap, data)
