"""A job as it happens, as server-sent events that miss nothing and repeat nothing.

The cursor of every message says how far each of the job's histories was told with it: events,
points, checkpoints, and each log. A client that comes back with it goes on exactly there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from launcher.errors import SpecError
from launcher.server.routes import telling
from launcher.server.routes.context import Asks, Here, LogName, must_be_user
from launcher.server.routes.cursor import Cursor
from launcher.server.routes.feeds import Feeds
from launcher.server.routes.telling import Place, Wish

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

KEEP_ALIVE_S = 10.0
Samples = Literal["none", "all"]
LENGTHS = "lengths"
"""In place of ranks: only how long each log is, for readers that fetch the bytes that they show."""


@router.get("/jobs/{ref}/follow")
async def follow(
    *,
    here: Here,
    asks: Asks,
    ref: str,
    logs: str = "all",
    stream: LogName = "log",
    metrics: str = "all",
    name: Annotated[list[str] | None, Query()] = None,
    samples: Samples = "none",
    tail: Annotated[int | None, Query(ge=0)] = None,
    cursor: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events until the job has ended and all of it was told.

    `tail` is of the logs that are there at the beginning: what is written later, and what a cursor
    has to go on from, is told whole. `stream=setup` tells what is said while environments are made
    in place of what ranks print. `logs=lengths`: of every log only how long it is. `metrics`: all,
    none or names of series as loss,accuracy, of which states then tell the newest values too;
    `name`: one of them, whatever is in it, as often as there are.

    `samples=all`: the newest point of each series that agents measure, as `samples`. No cursor
    says how far those were told: `again` in their place says that there are others, too.
    """
    names = frozenset(name) if name else _wanted_names(metrics)
    wish = Wish(_wanted_ranks(logs), stream, logs == LENGTHS, names, samples == "all", asks.within)
    known = cursor or last_event_id
    place = Place(Cursor.parse(known) if known else Cursor())
    job_id = await asyncio.to_thread(here.control.resolve, ref)
    if tail is not None and not known:
        place = await asyncio.to_thread(telling.tail, here.control.store, job_id, wish, tail)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    told = _tell(here.feeds, job_id, wish, place)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


def _wanted_ranks(logs: str) -> frozenset[int] | None:
    if logs == "all":
        return None
    if logs in {"none", LENGTHS}:
        return frozenset()
    try:
        return frozenset(int(part) for part in logs.split(","))
    except ValueError as error:
        raise SpecError(f"logs={logs}: write all, none, lengths or ranks as 0,1") from error


def _wanted_names(metrics: str) -> frozenset[str] | None:
    if metrics == "all":
        return None
    if not metrics:
        raise SpecError("metrics=: write all, none or names as loss,accuracy")
    return frozenset() if metrics == "none" else frozenset(metrics.split(","))


async def _tell(feeds: Feeds, job_id: str, wish: Wish, place: Place) -> AsyncIterator[bytes]:
    """All of a job from a place on, as it happens. Looks are made in threads, never in the loop."""
    with feeds.follow(job_id) as feed:
        while True:
            seen = feed.version
            news = await feed.look(wish, place)
            place = news.place
            if news.messages:
                yield b"".join(news.messages)
            if news.more:
                continue
            if news.over:
                return
            while not await feed.wait(seen, KEEP_ALIVE_S):
                yield b": still here\n\n"
