"""What agents ask, with their job's token."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import accumulate

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse
from sqlalchemy import Connection

from launcher.errors import NotFoundError, SpecError
from launcher.model import codec
from launcher.model.checkpoint import Manifest
from launcher.model.job import Job
from launcher.model.outputs import OutputReport
from launcher.model.wire import AgentStatus, CheckpointRef
from launcher.server.notify import job_topic, output_topic
from launcher.server.routes.context import (
    LARGEST,
    LONGEST_WAIT_S,
    AgentsJob,
    Answer,
    Here,
    Number,
    Services,
    Wait,
    job_of_agent,
    message,
    read_as,
)
from launcher.server.uploads import put_blob
from launcher.store import checkpoints, watched
from launcher.store.checkpoints import StoredCheckpoint

router = APIRouter(
    prefix="/api/v1/agent", include_in_schema=False, dependencies=[Depends(job_of_agent)]
)

SPOOL = "spool"
_LARGEST_APPEND = 64 * 1024 * 1024


@router.post("/sync")
async def sync(request: Request, here: Here, job_id: AgentsJob, wait: Wait = 0.0) -> Answer:
    status = await message(request, AgentStatus)
    give_up = time.monotonic() + min(wait, LONGEST_WAIT_S)
    with here.control.notifier.listen(job_topic(job_id)) as changes:
        orders = await asyncio.to_thread(here.agents.sync, job_id, status)
        while orders.version == status.seen and (left_s := give_up - time.monotonic()) > 0:
            if not await changes.wait(left_s):
                break
            orders = await asyncio.to_thread(here.agents.look, job_id, status)
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
class Piece:
    """`size` bytes of a rank's log, or of its spool of reports, from `offset` on."""

    stream: str
    attempt: int
    rank: int
    offset: int
    size: int

    @property
    def is_sane(self) -> bool:
        numbers = (self.attempt, self.rank, self.offset, self.size)
        return all(0 <= number <= LARGEST for number in numbers)


@dataclass(frozen=True)
class Pieces:
    pieces: tuple[Piece, ...]


@router.post("/append")
async def append(request: Request, here: Here, job_id: AgentsJob) -> Answer:
    """Pieces of logs and spools: a line of JSON that lists them, then their bytes."""
    head, _, data = (await _body(request)).partition(b"\n")
    pieces = read_as(Pieces, b'{"pieces":' + head + b"}").pieces
    if not all(piece.is_sane for piece in pieces):
        raise SpecError(f"a piece has a number below 0 or above {LARGEST}")
    lengths = await asyncio.to_thread(_append_all, here, job_id, pieces, data)
    here.control.notifier.notify(output_topic(job_id))
    return Answer({"lengths": lengths})


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > _LARGEST_APPEND:
            raise SpecError(f"more than {_LARGEST_APPEND} bytes at once", hint="send them in parts")
    return bytes(body)


def _append_all(here: Services, job_id: str, pieces: tuple[Piece, ...], data: bytes) -> list[int]:
    store, lengths = here.control.store, [0] * len(pieces)
    ends = list(accumulate(piece.size for piece in pieces))
    parts = [data[end - piece.size : end] for piece, end in zip(pieces, ends, strict=True)]
    logs = [index for index, piece in enumerate(pieces) if piece.stream != SPOOL]
    if logs:
        with store.begin() as tx:  # one for all of them: each commit waits for the disk
            for index in logs:
                piece, part = pieces[index], parts[index]
                lengths[index] = store.logs.append(
                    tx, job_id, piece.attempt, piece.rank, piece.stream, piece.offset, part
                )
    for index in sorted(set(range(len(pieces))) - set(logs)):
        piece, part = pieces[index], parts[index]
        lengths[index] = store.metrics.append(job_id, piece.attempt, piece.rank, piece.offset, part)
    return lengths


# --- checkpoints ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    sha256: tuple[str, ...]


@router.post("/blobs/missing")
async def missing(request: Request, here: Here) -> Answer:
    wanted = await message(request, Wanted)
    absent = await asyncio.to_thread(here.control.store.blobs.missing, wanted.sha256)
    return Answer({"missing": absent})


@router.put("/blobs/{digest}")
async def upload(request: Request, here: Here, digest: str) -> Answer:
    return Answer({"size": await put_blob(here.control.store.blobs, digest, request.stream())})


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
    return Answer(codec.encode(stored.manifest))


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
