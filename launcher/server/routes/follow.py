"""A job as it happens, as server-sent events that miss nothing and repeat nothing.

The cursor of every message says how far each of the job's histories was told with it: events,
points, checkpoints, and each log. A client that comes back with it goes on exactly there.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Container, Iterator
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from launcher.errors import SpecError
from launcher.model.gaps import StoredLog
from launcher.server import showing
from launcher.server.notify import job_topic, output_topic
from launcher.server.routes.context import LARGEST, Here, LogName, Services, must_be_user
from launcher.server.routes.cursor import Cursor
from launcher.store import checkpoints, events
from launcher.views import JobView, as_json

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

KEEP_ALIVE_S = 10.0
_SETTLE_S = 0.05
"""Changes that come closer together are told together."""
_EVENTS_A_LOOK = 1000
_POINTS_A_MESSAGE = 2000
_LOG_BYTES_A_LOOK = 2 * 1024 * 1024
_LOG_BYTES_A_MESSAGE = 256 * 1024
_LOG_BYTES_A_RANK = 4 * 1024
"""Of each rank in one look, however many there are."""

_ALL = range(LARGEST)


@router.get("/jobs/{ref}/follow")
async def follow(
    *,
    here: Here,
    ref: str,
    logs: str = "all",
    stream: LogName = "log",
    tail: Annotated[int | None, Query(ge=0)] = None,
    cursor: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events until the job has ended and all of it was told.

    `tail` is of the logs that are there at the beginning: what is written later, and what a cursor
    has to go on from, is told whole. `stream=setup` tells what is said while environments are made
    in place of what ranks print.
    """
    ranks = _wanted_ranks(logs)
    known = cursor or last_event_id
    start = Cursor.parse(known) if known else Cursor()
    job_id = await asyncio.to_thread(here.control.resolve, ref)
    teller = Teller(here, job_id, start, ranks, stream)
    if tail is not None and not known:
        await asyncio.to_thread(teller.skip_to_tail, tail)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(teller.tell(), media_type="text/event-stream", headers=headers)


def _wanted_ranks(logs: str) -> Container[int]:
    if logs == "all":
        return _ALL
    try:
        return {int(part) for part in logs.split(",") if logs != "none"}
    except ValueError as error:
        raise SpecError(f"logs={logs}: write all, none or ranks as 0,1") from error


class _News(NamedTuple):
    """What one look at the job gave. `more`: there is more to tell already."""

    messages: list[bytes]
    more: bool
    over: bool


class Teller:
    """Tells one client one job. What it holds at a time is bounded, however long the histories."""

    def __init__(
        self,
        here: Services,
        job_id: str,
        cursor: Cursor,
        ranks: Container[int],
        stream: LogName = "log",
    ) -> None:
        self._here, self._job_id, self._cursor, self._ranks = here, job_id, cursor, ranks
        self._stream = stream
        self._store = here.control.store
        self._told: JobView | None = None

    def skip_to_tail(self, lines: int) -> None:
        """Begin each log that is there with its last lines. In a worker thread."""
        for log in self._logs():
            offset = self._store.logs.tail_offset(self._job_id, log, lines)
            self._cursor.logs[_key(log.attempt, log.rank)] = min(offset, log.length)

    async def tell(self) -> AsyncIterator[bytes]:
        topics = job_topic(self._job_id), output_topic(self._job_id)
        with self._here.control.notifier.listen(*topics) as changes:
            while True:
                # In a thread, so that the event loop is never held by one client's history.
                news = await asyncio.to_thread(self._look)
                for message in news.messages:
                    yield message
                if news.more:
                    continue
                if news.over:
                    return
                if await changes.wait(KEEP_ALIVE_S):
                    await asyncio.sleep(_SETTLE_S)
                else:
                    yield b": still here\n\n"

    def _look(self) -> _News:
        # The state is read first: what an ended job has is then complete when it is read after.
        view = self._here.showing.job(self._job_id, with_spec=False)
        messages: list[bytes] = []
        if view != self._told:
            self._told = view
            messages.append(self._message("state", as_json(view)))
        parts = (self._tell_events, self._tell_checkpoints, self._tell_points, self._tell_logs)
        more = [part(messages) for part in parts]
        if view.is_over and not any(more):
            messages.append(self._message("end", {"state": view.state}))
        return _News(messages, any(more), view.is_over)

    # Each of these adds its messages, and gives whether there is more to tell already.

    def _tell_events(self, messages: list[bytes]) -> bool:
        with self._store.read() as tx:
            fresh = events.after(tx, self._job_id, self._cursor.events, limit=_EVENTS_A_LOOK)
        for event in fresh:
            self._cursor.events = event.id
            messages.append(self._message("event", showing.event(event)))
        return len(fresh) == _EVENTS_A_LOOK

    def _tell_checkpoints(self, messages: list[bytes]) -> bool:
        with self._store.read() as tx:
            fresh = checkpoints.list_(tx, self._job_id, self._cursor.checkpoints)
        for stored in fresh:
            self._cursor.checkpoints = stored.id
            shown = as_json(showing.checkpoint(stored))
            del shown["files"]
            messages.append(self._message("checkpoint", shown))
        return False

    def _tell_points(self, messages: list[bytes]) -> bool:
        cursor = self._cursor
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
            shown = [showing.point(point) for point in part]
            messages.append(self._message("metrics", {"points": shown}))
        return bool(fresh)

    def _tell_logs(self, messages: list[bytes]) -> bool:
        cursor = self._cursor
        waiting = [
            log
            for log in self._logs()
            if cursor.logs.get(_key(log.attempt, log.rank), 0) < log.length
        ]
        share = max(_LOG_BYTES_A_LOOK // max(len(waiting), 1), _LOG_BYTES_A_RANK)
        more = False
        for log in waiting:
            key = _key(log.attempt, log.rank)
            start, kept = log.kept_from(cursor.logs.get(key, 0))
            end = start + min(share, kept)
            more = more or end < log.length
            for offset in range(start, end, _LOG_BYTES_A_MESSAGE):
                size = min(_LOG_BYTES_A_MESSAGE, end - offset)
                data = self._store.logs.read(
                    self._job_id, log.attempt, log.rank, self._stream, offset, size
                )
                cursor.logs[key] = offset + len(data)
                text = base64.b64encode(data).decode()
                body = {"attempt": log.attempt, "rank": log.rank, "offset": offset, "data": text}
                messages.append(self._message("log", body))
        return more

    def _logs(self) -> Iterator[StoredLog]:
        """Each log that the client wants."""
        with self._store.read() as tx:
            streams = self._store.logs.streams(tx, self._job_id)
        for log in streams:
            if log.stream == self._stream and log.rank in self._ranks:
                yield log

    def _message(self, kind: str, data: Any) -> bytes:
        return f"id: {self._cursor.text()}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def _key(attempt: int, rank: int) -> str:
    return f"{attempt}.{rank}"
