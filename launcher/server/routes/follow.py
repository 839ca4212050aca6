"""A job as it happens, as server-sent events that miss nothing and repeat nothing.

The cursor of every message says how far each of the job's histories was told: events, points,
checkpoints, and each log. A client that comes back with it goes on exactly there.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from launcher.errors import SpecError
from launcher.server import showing
from launcher.server.notify import job_topic
from launcher.server.routes.context import Here, Services, must_be_user
from launcher.store import checkpoints, events
from launcher.views import JobView, as_json

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

KEEP_ALIVE_S = 10.0
_CHUNK = 256 * 1024
_SETTLE_S = 0.05
"""Changes that come closer together are told together."""


@dataclass
class Cursor:
    """How far everything was told."""

    events: int = 0
    points: int = 0
    checkpoints: int = 0
    logs: dict[str, int] = field(default_factory=dict)
    """attempt.rank -> bytes told."""
    tail: int | None = None
    """Of logs that were not told from yet, only so many last lines."""

    def text(self) -> str:
        parts = [self.events, self.points, self.checkpoints, self.logs]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises SpecError when the text is no cursor."""
        try:
            parts = json.loads(base64.urlsafe_b64decode(text))
            logs = {str(key): int(value) for key, value in parts[3].items()}
            return cls(int(parts[0]), int(parts[1]), int(parts[2]), logs)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise SpecError("the cursor is none of this server's") from error


@router.get("/jobs/{ref}/follow")
async def follow(
    *,
    here: Here,
    ref: str,
    logs: str = "all",
    tail: int | None = None,
    cursor: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    job_id = await asyncio.to_thread(here.control.resolve, ref)
    known = cursor or last_event_id
    start = Cursor.parse(known) if known else Cursor(tail=tail)
    teller = Teller(here, job_id, start, _wanted_ranks(logs))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(teller.tell(), media_type="text/event-stream", headers=headers)


def _wanted_ranks(logs: str) -> frozenset[int] | None:
    """None: all of them."""
    if logs == "all":
        return None
    try:
        return frozenset(int(part) for part in logs.split(",") if logs != "none")
    except ValueError as error:
        raise SpecError(f"logs={logs}: write all, none or ranks as 0,1") from error


class Teller:
    """Tells one client one job."""

    def __init__(
        self, here: Services, job_id: str, cursor: Cursor, ranks: frozenset[int] | None
    ) -> None:
        self._here, self._job_id, self._cursor, self._ranks = here, job_id, cursor, ranks
        self._told: JobView | None = None

    async def tell(self) -> AsyncIterator[str]:
        notifier, topic = self._here.control.notifier, job_topic(self._job_id)
        while True:
            ticket = notifier.ticket(topic)
            messages, more, over = await asyncio.to_thread(self._news)
            for message in messages:
                yield message
            if over and not more:
                return
            if not more:
                if not await notifier.wait(topic, ticket, KEEP_ALIVE_S):
                    yield ": still here\n\n"
                await asyncio.sleep(_SETTLE_S)

    def _news(self) -> tuple[list[str], bool, bool]:
        """Messages to send now; whether more wait; whether the job has ended."""
        # The state is read first: what an ended job has is then complete when it is read after.
        view = self._here.showing.job(self._job_id, with_spec=False)
        messages = [self._message(kind, data) for kind, data in self._histories()]
        log_messages, more = self._logs()
        messages += log_messages
        if view != self._told:
            self._told = view
            messages.insert(0, self._message("state", as_json(view)))
        if view.is_over and not more:
            messages.append(self._message("end", {"state": view.state}))
        return messages, more, view.is_over

    def _histories(self) -> Iterator[tuple[str, Any]]:
        store, cursor = self._here.control.store, self._cursor
        with store.read() as tx:
            fresh_events = events.after(tx, self._job_id, cursor.events, limit=100_000)
            kept = checkpoints.list_(tx, self._job_id)
        for event in fresh_events:
            cursor.events = event.id
            yield "event", as_json(event)
        for stored in kept:
            if stored.id > cursor.checkpoints:
                cursor.checkpoints = stored.id
                data = as_json(showing.checkpoint(stored))
                yield "checkpoint", {key: data[key] for key in data if key != "files"}
        cursor.points, points = store.metrics.batches_after(self._job_id, cursor.points)
        if points:
            shown = [as_json(point) | {"value": showing.number(point.value)} for point in points]
            yield "metrics", {"points": shown}

    def _logs(self) -> tuple[list[str], bool]:
        store, cursor = self._here.control.store, self._cursor
        with store.read() as tx:
            streams = store.logs.streams(tx, self._job_id)
        messages, more = [], False
        for attempt, rank, stream, length in streams:
            if stream != "log" or (self._ranks is not None and rank not in self._ranks):
                continue
            key = f"{attempt}.{rank}"
            if key not in cursor.logs:
                cursor.logs[key] = self._first_offset(attempt, rank)
            offset = cursor.logs[key]
            data = store.logs.read(
                self._job_id, attempt, rank, stream, offset, min(_CHUNK, length - offset)
            )
            if data:
                cursor.logs[key] = offset + len(data)
                more = more or cursor.logs[key] < length
                text = base64.b64encode(data).decode()
                body = {"attempt": attempt, "rank": rank, "offset": offset, "data": text}
                messages.append(self._message("log", body))
        return messages, more

    def _first_offset(self, attempt: int, rank: int) -> int:
        if self._cursor.tail is None:
            return 0
        logs = self._here.control.store.logs
        return logs.tail_offset(self._job_id, attempt, rank, "log", self._cursor.tail)

    def _message(self, kind: str, data: Any) -> str:
        return f"id: {self._cursor.text()}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
