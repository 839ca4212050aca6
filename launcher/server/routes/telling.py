"""What is new of a job since the place up to which somebody was told of it. Synchronous."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from launcher.model.gaps import StoredLog
from launcher.server import showing
from launcher.server.masking import Mask
from launcher.server.routes.cursor import Cursor
from launcher.store import Store, checkpoints, events
from launcher.store.samples import Newest
from launcher.views import JobView, as_json

_EVENTS_A_LOOK = 1000
_POINTS_A_MESSAGE = 2000
_SAMPLES_A_MESSAGE = 1000
_LOG_BYTES_A_LOOK = 2 * 1024 * 1024
_LOG_BYTES_A_MESSAGE = 256 * 1024
_LOG_BYTES_A_RANK = 4 * 1024
"""Of each rank in one look, however many there are."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be told beside states, events and checkpoints; None: all."""

    ranks: frozenset[int] | None = None
    """Whose logs."""
    stream: Literal["log", "setup"] = "log"
    lengths: bool = False
    """In place of logs only how long each one is."""
    names: frozenset[str] | None = None
    """Of series."""
    samples: bool = False
    """What agents measure, too."""
    within: frozenset[str] | None = None
    """The projects whose jobs may be named; None: all."""

    def wants_rank(self, rank: int) -> bool:
        return self.ranks is None or rank in self.ranks


class Sampled(NamedTuple):
    """What of the samples was told: bytes of them, and points by the id of their series."""

    taken: int
    counts: Mapping[int, int]


@dataclass(frozen=True)
class Place:
    """How far somebody was told. `standing`: number of the standing that was told; 0: none.

    `lengths`: of each log, as it was told to who wants those. A new connection is told all once.
    `sampled`: None on a new connection, which no cursor tells from where samples go on.
    """

    cursor: Cursor = field(default_factory=Cursor)
    standing: int = 0
    lengths: Mapping[tuple[int, int, str], int] = field(default_factory=dict)
    sampled: Sampled | None = None

    def key(self) -> tuple[Any, ...]:
        """Equal for equal places."""
        taken = -1 if self.sampled is None else self.sampled.taken
        return (self.cursor.text(), self.standing, hash(tuple(self.lengths.items())), taken)


class Standing(NamedTuple):
    """A job as it stood at a moment; the number grows whenever it is another one."""

    number: int
    view: JobView


class News(NamedTuple):
    """What one look gave. `more`: there is more to tell already; `over`: nothing will follow."""

    messages: list[bytes]
    place: Place
    more: bool
    over: bool


def look(store: Store, job_id: str, wish: Wish, place: Place, standing: Standing) -> News:
    """What follows a place. What it holds is bounded, however long the histories are."""
    return _Looking(store, job_id, wish, place).look(standing)


class _Looking:
    """One look. The cursor of every message says how far each history was told with it."""

    def __init__(self, store: Store, job_id: str, wish: Wish, place: Place) -> None:
        self._store, self._job_id, self._wish, self._place = store, job_id, wish, place
        self._cursor = replace(place.cursor, logs=dict(place.cursor.logs))
        self._lengths, self._sampled = place.lengths, place.sampled
        self._messages: list[bytes] = []
        self._mask = Mask(store, wish.within)

    def look(self, standing: Standing) -> News:
        # The state was read before: what an ended job has is then complete when it is read here.
        view = standing.view
        if standing.number != self._place.standing:
            shown = self._mask.view(_of_interest(view, self._wish.names))
            self._tell("state", as_json(shown))
        parts: tuple[Callable[[], bool], ...] = (
            self._events,
            self._checkpoints,
            self._points,
            self._samples,
            self._log_lengths if self._wish.lengths else self._logs,
        )
        more = [part() for part in parts]
        if view.is_over and not any(more):
            self._tell("end", {"state": view.state})
        place = Place(self._cursor, standing.number, self._lengths, self._sampled)
        return News(self._messages, place, any(more), view.is_over)

    # Each of these tells something, and gives whether there is more to tell already.

    def _events(self) -> bool:
        with self._store.read() as tx:
            fresh = events.after(tx, self._job_id, self._cursor.events, limit=_EVENTS_A_LOOK)
        for event in self._mask.events(fresh):
            self._cursor.events = event.id
            self._tell("event", showing.event(event))
        return len(fresh) == _EVENTS_A_LOOK

    def _checkpoints(self) -> bool:
        with self._store.read() as tx:
            fresh = checkpoints.list_(tx, self._job_id, self._cursor.checkpoints)
        for stored in fresh:
            self._cursor.checkpoints = stored.id
            shown = as_json(showing.checkpoint(stored))
            del shown["files"]
            self._tell("checkpoint", shown)
        return False

    def _points(self) -> bool:
        cursor, names = self._cursor, self._wish.names
        if names is not None and not names:
            return False
        batch, points = self._store.metrics.batches_after(self._job_id, cursor.batch)
        if points and cursor.points >= len(points):  # told by a server that read more at a time
            cursor.batch, cursor.points = batch, cursor.points - len(points)
            return True
        fresh = points[cursor.points :]
        for start in range(0, len(fresh), _POINTS_A_MESSAGE):
            part = fresh[start : start + _POINTS_A_MESSAGE]
            cursor.points += len(part)
            if cursor.points == len(points):
                cursor.batch, cursor.points = batch, 0
            shown = [showing.point(one) for one in part if names is None or one.name in names]
            if shown:
                self._tell("metrics", {"points": shown})
        return bool(fresh)

    def _samples(self) -> bool:
        if not self._wish.samples:
            return False
        before = self._sampled
        known = before.counts if before else {}
        taken, newest = self._store.samples.newest(self._job_id, before.taken if before else -1)
        if before is None or taken != before.taken:
            self._sampled = Sampled(taken, {one.id: one.count for one in newest})
        fresh = [one for one in newest if one.count != known.get(one.id, 0)]
        if fresh:
            is_next = all(one.count == known.get(one.id, 0) + 1 for one in fresh)
            if before is not None and is_next and len(fresh) <= _SAMPLES_A_MESSAGE:
                self._tell("samples", {"points": [_sample(one) for one in fresh]})
            else:  # more than the newest points is new, or so much that it is for who looks at it
                self._tell("samples", {"again": True})
        return False

    def _logs(self) -> bool:
        cursor = self._cursor
        waiting = [
            log
            for log in self._wanted_logs()
            if cursor.logs.get(log_key(log.attempt, log.rank), 0) < log.length
        ]
        share = max(_LOG_BYTES_A_LOOK // max(len(waiting), 1), _LOG_BYTES_A_RANK)
        more = False
        for log in waiting:
            key = log_key(log.attempt, log.rank)
            start, kept = log.kept_from(cursor.logs.get(key, 0))
            end = start + min(share, kept)
            more = more or end < log.length
            for offset in range(start, end, _LOG_BYTES_A_MESSAGE):
                size = min(_LOG_BYTES_A_MESSAGE, end - offset)
                data = self._store.logs.read(
                    self._job_id, log.attempt, log.rank, self._wish.stream, offset, size
                )
                cursor.logs[key] = offset + len(data)
                text = base64.b64encode(data).decode()
                body = {"attempt": log.attempt, "rank": log.rank, "offset": offset, "data": text}
                self._tell("log", body)
        return more

    def _log_lengths(self) -> bool:
        with self._store.read() as tx:
            streams = self._store.logs.streams(tx, self._job_id)
        now = {(log.attempt, log.rank, log.stream): log.length for log in streams}
        fresh = [[*key, length] for key, length in now.items() if self._lengths.get(key) != length]
        self._lengths = now
        if fresh:
            self._tell("lengths", {"logs": fresh})
        return False

    def _wanted_logs(self) -> Iterator[StoredLog]:
        return wanted_logs(self._store, self._job_id, self._wish)

    def _tell(self, kind: str, data: Any) -> None:
        text = json.dumps(data)
        self._messages.append(
            f"id: {self._cursor.text()}\nevent: {kind}\ndata: {text}\n\n".encode()
        )


def wanted_logs(store: Store, job_id: str, wish: Wish) -> Iterator[StoredLog]:
    with store.read() as tx:
        streams = store.logs.streams(tx, job_id)
    for log in streams:
        if log.stream == wish.stream and wish.wants_rank(log.rank):
            yield log


def tail(store: Store, job_id: str, wish: Wish, lines: int) -> Place:
    """The place from which each log that is there begins with its last lines."""
    cursor = Cursor()
    for log in wanted_logs(store, job_id, wish):
        offset = store.logs.tail_offset(job_id, log, lines)
        cursor.logs[log_key(log.attempt, log.rank)] = min(offset, log.length)
    return Place(cursor)


def log_key(attempt: int, rank: int) -> str:
    """What a cursor calls a log."""
    return f"{attempt}.{rank}"


def _sample(one: Newest) -> dict[str, Any]:
    value = showing.number(one.last_value)
    return {"name": one.name, "rank": one.rank, "time": one.last_at, "value": value}


def _of_interest(view: JobView, names: frozenset[str] | None) -> JobView:
    """Without the newest values of series that are not wanted."""
    if names is None:
        return view
    return replace(view, latest={name: view.latest[name] for name in names & view.latest.keys()})
