"""What agents ask, with their job's token."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, replace

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse
from sqlalchemy import Connection

from launcher.errors import NotFoundError, SpecError
from launcher.model import codec
from launcher.model.checkpoint import Manifest
from launcher.model.job import Job
from launcher.model.outputs import OutputReport
from launcher.model.wire import AgentStatus, CheckpointRef
from launcher.server.notify import job_topic, output_topic, visits_topic
from launcher.server.routes.context import (
    LARGEST,
    LONGEST_WAIT_S,
    AgentsJob,
    Answer,
    Here,
    Number,
    Wait,
    expect_room,
    job_of_agent,
    message,
    read_as,
)
from launcher.server.taking import Piece
from launcher.server.uploads import put_blob
from launcher.store import checkpoints, watched
from launcher.store.checkpoints import StoredCheckpoint

router = APIRouter(
    prefix="/api/v1/agent", include_in_schema=False, dependencies=[Depends(job_of_agent)]
)

_LARGEST_APPEND = 64 * 1024 * 1024


@router.post("/sync")
async def sync(request: Request, here: Here, job_id: AgentsJob, wait: Wait = 0.0) -> Answer:
    status = await message(request, AgentStatus)
    give_up = time.monotonic() + min(wait, LONGEST_WAIT_S)
    with here.control.notifier.listen(job_topic(job_id), visits_topic(job_id)) as changes:
        orders = await asyncio.to_thread(here.agents.sync, job_id, status)
        orders = here.visits.added_to(orders, job_id, status)
        while orders.version == status.seen and (left_s := give_up - time.monotonic()) > 0:
            if not await changes.wait(left_s):
                break
            orders = await asyncio.to_thread(here.agents.look, job_id, status)
            orders = here.visits.added_to(orders, job_id, status)
    return Answer(codec.encode(orders))


@router.get("/setup/{allocation}")
def setup(here: Here, job_id: AgentsJob, allocation: str) -> Answer:
    return Answer(codec.encode(here.agents.setup(job_id, allocation)))


@router.get("/job")
def job(here: Here, job_id: AgentsJob) -> Answer:
    with here.control.store.read() as tx:
        return Answer({"over": here.control.get(tx, job_id).state.is_terminal})


# --- output --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pieces:
    pieces: tuple[Piece, ...]

    @property
    def are_sane(self) -> bool:
        return all(
            0 <= number <= LARGEST
            for one in self.pieces
            for number in (one.attempt, one.rank, one.offset, one.size, one.offset + one.skip)
        )


@router.post("/append")
async def append(request: Request, here: Here, job_id: AgentsJob) -> Answer:
    """Pieces of logs and spools: a line of JSON that lists them, then their bytes.

    The answer tells whether somebody follows the job: then more is worth sending sooner.
    """
    head, _, data = (await _body(request)).partition(b"\n")
    told = read_as(Pieces, b'{"pieces":' + head + b"}")
    if not told.are_sane:
        raise SpecError(f"a piece has a number below 0 or above {LARGEST}")
    lengths = await asyncio.to_thread(here.taking.take, job_id, told.pieces, data)
    topic, notifier = output_topic(job_id), here.control.notifier
    notifier.notify(topic)
    return Answer({"lengths": lengths, "followed": notifier.is_heard(topic)})


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > _LARGEST_APPEND:
            raise SpecError(f"more than {_LARGEST_APPEND} bytes at once", hint="send them in parts")
    return bytes(body)


# --- checkpoints ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    sha256: tuple[str, ...]


@router.post("/blobs/missing")
async def missing(request: Request, here: Here, job_id: AgentsJob) -> Answer:
    """Which of these files the job has to send, whoever else has sent them."""
    here.gauge.expect_room("more files of a job")
    wanted = await message(request, Wanted)
    absent = await asyncio.to_thread(here.committing.holdings.lacking, job_id, wanted.sha256)
    return Answer({"missing": absent})


@router.put("/blobs/{digest}")
async def upload(request: Request, here: Here, job_id: AgentsJob, digest: str) -> Answer:
    await expect_room(request, here, "a file of a job")
    size = await put_blob(here.control.store.blobs, digest, request.stream())
    here.committing.holdings.sent(job_id, digest)
    return Answer({"size": size})


@router.get("/blobs/{digest}")
def download(here: Here, job_id: AgentsJob, digest: str) -> FileResponse:
    """The job's packaged workdir, or a file of one of its checkpoints."""
    with here.control.store.read() as tx:
        job = here.control.get(tx, job_id)
        own = {job.code}
        for stored in [*checkpoints.list_(tx, job_id), *_origin(tx, job)]:
            own |= {entry.sha256 for entry in stored.manifest.files}
    if digest not in own or not here.control.store.blobs.has(digest):
        raise NotFoundError(f"job '{job_id}' has no blob {digest[:12]}…")
    return FileResponse(here.control.store.blobs.path(digest))


@router.post("/checkpoints")
async def commit(request: Request, here: Here, job_id: AgentsJob) -> Answer:
    manifest = await message(request, Manifest)
    if not abs(manifest.step) <= LARGEST:
        raise SpecError(f"step {manifest.step}: the largest one that is kept is {LARGEST}")
    committed = await asyncio.to_thread(here.committing.commit, job_id, manifest)
    return Answer({"committed": codec.encode(committed)})


@router.get("/watched")
def watched_files(here: Here, job_id: AgentsJob) -> Answer:
    """The newest checkpoint of watched files: what a new attempt puts back."""
    with here.control.store.read() as tx:
        stored = watched.to_put_back(tx, here.control.get(tx, job_id))
    found = CheckpointRef(stored.id, stored.step) if stored else None
    return Answer({"committed": codec.encode(found)})


@router.get("/checkpoints/{checkpoint_id}")
def manifest(here: Here, job_id: AgentsJob, checkpoint_id: Number) -> Answer:
    with here.control.store.read() as tx:
        origin = _origin(tx, here.control.get(tx, job_id))
        found = [one for one in origin if one.id == checkpoint_id]
        stored = checkpoints.get(tx, job_id, checkpoint_id) or next(iter(found), None)
    if stored is None:
        raise NotFoundError(f"job '{job_id}' has no checkpoint {checkpoint_id}")
    # Who puts a checkpoint back needs its files; JSON has no word for what is no number.
    metrics = {name: v for name, v in stored.manifest.metrics.items() if math.isfinite(v)}
    return Answer(codec.encode(replace(stored.manifest, metrics=metrics)))


def _origin(tx: Connection, job: Job) -> list[StoredCheckpoint]:
    """The checkpoint of another job from which this one begins, if it does."""
    if job.from_checkpoint is None:
        return []
    found = checkpoints.of_any_job(tx, job.from_checkpoint)
    return [found] if found else []


# --- outputs -------------------------------------------------------------------------------------


@router.post("/outputs")
async def give_outputs(request: Request, here: Here, job_id: AgentsJob) -> Answer:
    report = await message(request, OutputReport)
    if not (0 <= report.rank <= LARGEST and all(0 <= one.size <= LARGEST for one in report.files)):
        raise SpecError(f"an output has a number below 0 or above {LARGEST}")
    await asyncio.to_thread(here.outputs.take, job_id, report)
    return Answer({})
