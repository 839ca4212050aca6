"""What people ask of jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from launcher.errors import NotFoundError
from launcher.model.access import Action, Caller
from launcher.model.metric import MetricPoint
from launcher.model.states import JobState
from launcher.server import showing
from launcher.server.here import bound_here
from launcher.server.masking import Mask
from launcher.server.routes.context import (
    LARGEST,
    Answer,
    Asks,
    Count,
    Here,
    Key,
    LogName,
    Noted,
    Number,
    Services,
    expect_room,
    must_be_user,
)
from launcher.server.submitting import Wish
from launcher.server.uploads import put_blob
from launcher.server.why import why
from launcher.spec.judge import spec_from_data
from launcher.store import checkpoints, events, jobs
from launcher.views import as_json

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

_LOG_LIMIT = 4 * 1024 * 1024
_JOBS_LIMIT = 10_000
_PLACE = r"^([0-9]{1,20}([.][0-9]{1,20})?(e[+-]?[0-9]{1,3})?,[a-z0-9-]{1,200})?$"
"""Of a job in the list, as an answer gives it."""
_EVENTS_LIMIT = 100_000
_POINTS_A_PART = 5000
_BYTES = "application/octet-stream"
_LONGEST_USER = 200
"""Characters: it stands in an index, whose rows have a bound."""


class Submission(BaseModel):
    spec: dict[str, Any]
    """The whole spec as JSON."""
    code: str = ""
    """sha256 of the packaged workdir, uploaded before."""
    code_of: str | None = None
    """In place of `code`: a job whose code it takes."""
    python: str | None = None
    """The submitter's interpreter."""
    user: Annotated[str, Field(max_length=_LONGEST_USER)] = ""
    hold: bool = False
    """It waits until it is released."""


class Cancellation(BaseModel):
    force: bool = False
    """Do not wait for the program's grace."""
    user: str = ""


class Asking(BaseModel):
    user: str = ""


@router.head("/packages/{digest}")
def has_package(here: Here, asks: Asks, digest: str) -> Response:
    """Whether the caller need not send it: what only others sent is as if it were not there."""
    blobs = here.control.store.blobs
    # Renewed, for the submit comes later and must find it.
    is_known = blobs.has(digest) and here.packages.may_run(asks, digest) and blobs.renew(digest)
    return Response(status_code=200 if is_known else 404)


@router.put("/packages/{digest}", status_code=201)
async def upload_package(request: Request, here: Here, asks: Asks, digest: str) -> Answer:
    asks.expect_anywhere(Action.ACT)
    await expect_room(request, here, "the packaged workdir")
    size = await put_blob(here.control.store.blobs, digest, request.stream())
    await asyncio.to_thread(here.packages.sent, asks, digest)
    return Answer({"size": size}, status_code=201)


@router.post("/jobs", status_code=201)
async def submit(
    here: Here,
    asks: Asks,
    noted: Noted,
    submission: Submission,
    idempotency_key: Key = None,
) -> Answer:
    """Together with others that come at the same moment."""
    spec, embedded = spec_from_data(submission.spec), here.settings.embedded
    noted.said = submission.user
    noted.of("", spec.project)
    asks.expect(Action.ACT, spec.project)
    if spec.in_place or spec.links or spec.python.interpreter:
        spec = await asyncio.to_thread(bound_here, here.control, spec, embedded=embedded)
    wish = Wish(
        spec,
        asks.by(submission.user, "unknown"),
        asks.own_key(idempotency_key),
        submission.code,
        submission.code_of,
        submission.python,
        submission.hold,
        asks,
        noted.address,
    )
    taken = await here.submits.ask(wish)
    noted.of(taken.job.id, taken.job.project)
    noted.is_written = taken.is_new
    asks.expect(Action.LOOK, taken.job.project)  # one of before, since when roles may have changed
    return Answer(as_json(taken.job), status_code=201 if taken.is_new else 200)


@router.get("/jobs")
def list_jobs(
    *,
    here: Here,
    asks: Asks,
    state: Annotated[list[JobState] | None, Query()] = None,
    project: str | None = None,
    limit: Count = 100,
    fold: bool = False,
    own: Annotated[str | None, Query(max_length=_LONGEST_USER)] = None,
    after: Annotated[str, Query(pattern=_PLACE)] = "",
) -> Answer:
    """Newest first. `fold`: one entry for each array, with the states of its elements.

    `own`: the caller's alone; what they are called, where they may bear any name. `user`: the name
    that they bear; empty where they may bear any. `next`: what to give as `after` to get those that
    follow; empty where none do.
    """
    limit, mask = min(limit, _JOBS_LIMIT), Mask(here.control.store, asks.within)
    find = jobs.newest_heads if fold else jobs.summaries
    with here.control.store.read() as tx:
        found = find(
            tx,
            states=state or None,
            project=project,
            limit=limit + 1,
            within=asks.within,
            user=None if own is None else asks.by(own),
            after=_place(after),
        )
        found, are_more = found[:limit], len(found) > limit
        shown = here.showing.folded(tx, found) if fold else []
    shown = shown or here.showing.jobs(found)
    follows = f"{found[-1].submitted_at!r},{found[-1].id}" if found and are_more else ""
    return Answer({"jobs": as_json(mask.views(shown)), "user": asks.name, "next": follows})


def _place(text: str) -> jobs.Place | None:
    submitted_at, comma, job_id = text.partition(",")
    return (float(submitted_at), job_id) if comma else None


@router.get("/jobs/{ref}")
def show(here: Here, asks: Asks, ref: str) -> Answer:
    return _shown(here, asks, here.control.resolve(ref))


@router.post("/jobs/{ref}/cancel")
def cancel(here: Here, asks: Asks, ref: str, asked: Cancellation | None = None) -> Answer:
    asked = asked or Cancellation()
    job_id = here.control.resolve(ref)
    here.control.cancel(job_id, by=asks.by(asked.user), force=asked.force)
    return _shown(here, asks, job_id)


@router.post("/jobs/{ref}/retry")
def retry(here: Here, asks: Asks, ref: str, asked: Asking | None = None) -> Answer:
    job_id = here.control.resolve(ref)
    here.control.retry(job_id, by=asks.by(asked.user if asked else ""))
    return _shown(here, asks, job_id)


@router.post("/jobs/{ref}/declare-lost")
def declare_lost(here: Here, asks: Asks, ref: str, asked: Asking | None = None) -> Answer:
    job_id = here.control.resolve(ref)
    here.control.declare_lost(job_id, by=asks.by(asked.user if asked else ""))
    return _shown(here, asks, job_id)


def _shown(here: Services, asks: Caller, job_id: str) -> Answer:
    mask = Mask(here.control.store, asks.within)
    return Answer(as_json(mask.view(here.showing.job(job_id))))


@router.get("/jobs/{ref}/why")
def tell_why(here: Here, asks: Asks, ref: str) -> Answer:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        job = here.control.get(tx, job_id)
        warnings = events.warnings(tx, job_id)
    text = why(job, here.control.reason(job), here.control.clock())
    whole = "\n".join([text, *(f"warning: {one}" for one in warnings)])
    return Answer({"text": Mask(here.control.store, asks.within).text(whole)})


@router.get("/jobs/{ref}/events")
def list_events(here: Here, asks: Asks, ref: str, after: Count = 0) -> Answer:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        found = events.after(tx, job_id, after, limit=_EVENTS_LIMIT)
    mask = Mask(here.control.store, asks.within)
    return Answer({"events": [showing.event(event) for event in mask.events(found)]})


@router.get("/jobs/{ref}/logs")
def list_logs(here: Here, ref: str) -> Answer:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        streams = here.control.store.logs.streams(tx, job_id)
    return Answer(
        {
            "streams": [
                {
                    "attempt": log.attempt,
                    "rank": log.rank,
                    "stream": log.stream,
                    "length": log.length,
                    "missing": log.missing,
                }
                for log in streams
            ]
        }
    )


@router.get("/jobs/{ref}/logs/{attempt}/{rank}")
def read_log(
    *,
    here: Here,
    ref: str,
    attempt: Number,
    rank: Number,
    offset: Count = 0,
    limit: Count = _LOG_LIMIT,
    tail: Annotated[int | None, Query(ge=0)] = None,
    stream: LogName = "log",
) -> Response:
    """Raw bytes; `X-Log-Offset` says where they begin, `X-Log-Length` how many there are in all.

    They begin behind `offset` where what stood there is missing; a line among them tells of it.

    At most 4 MiB at once; of a longer tail, its beginning. `stream=setup`: what was said while the
    environment was made, on the node whose first rank this is.
    """
    job_id = here.control.resolve(ref)
    store = here.control.store
    with store.read() as tx:
        logs = {(log.attempt, log.rank, log.stream): log for log in store.logs.streams(tx, job_id)}
    log = logs.get((attempt, rank, stream))
    if log is None:
        words = f"no {stream} of rank {rank} in attempt {attempt}"
        raise NotFoundError(f"job '{job_id}' has {words}")
    if tail is not None:
        # Bytes that are being written lie behind the length already.
        offset = min(store.logs.tail_offset(job_id, log, tail), log.length)
    offset, count = log.kept_from(offset)
    count = max(0, min(limit, _LOG_LIMIT, count))
    data = store.logs.read(job_id, attempt, rank, stream, offset, count)
    headers = {"X-Log-Offset": str(offset), "X-Log-Length": str(log.length)}
    return Response(data, media_type=_BYTES, headers=headers)


@router.get("/jobs/{ref}/metrics")
def read_metrics(
    here: Here,
    ref: str,
    name: str | None = None,
    rank: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    raw: bool = False,
) -> Response:
    """`{"series": [{"name", "rank", "points": [[step, value, time, attempt], ...]}, ...]}`."""
    curves = here.showing.curves(here.control.resolve(ref), name, rank, raw=raw)
    return StreamingResponse(_series(curves), media_type="application/json")


def _series(curves: list[tuple[str, int, list[MetricPoint]]]) -> Iterator[str]:
    """JSON in parts: writing a million points at once would stop every other thread for seconds."""
    yield '{"series":['
    for index, (name, rank, points) in enumerate(curves):
        head = json.dumps({"name": name, "rank": rank})
        yield f'{"," if index else ""}{head[:-1]},"points":['
        for start in range(0, len(points), _POINTS_A_PART):
            part = [
                [point.step, showing.number(point.value), showing.number(point.time), point.attempt]
                for point in points[start : start + _POINTS_A_PART]
            ]
            text = json.dumps(part, separators=(",", ":"))
            yield f"{',' if start else ''}{text[1:-1]}"
        yield "]}"
    yield "]}"


@router.get("/jobs/{ref}/checkpoints")
def list_checkpoints(here: Here, ref: str) -> Answer:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        stored = checkpoints.list_(tx, job_id)
    return Answer({"checkpoints": [as_json(showing.checkpoint(one)) for one in stored]})


@router.get("/jobs/{ref}/checkpoints/{checkpoint_id}/files/{path:path}")
def checkpoint_file(here: Here, ref: str, checkpoint_id: Number, path: str) -> FileResponse:
    job_id = here.control.resolve(ref)
    with here.control.store.read() as tx:
        stored = checkpoints.get(tx, job_id, checkpoint_id)
    files = {entry.path: entry.sha256 for entry in stored.manifest.files} if stored else {}
    if path not in files:
        raise NotFoundError(f"job '{job_id}' has no file '{path}' in checkpoint {checkpoint_id}")
    return FileResponse(here.control.store.blobs.path(files[path]), media_type=_BYTES)
