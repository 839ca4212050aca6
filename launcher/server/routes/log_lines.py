"""Logs by their lines: how many there are, where each is found, and which hold a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from launcher.errors import NotFoundError
from launcher.model.gaps import StoredLog
from launcher.server.routes.context import (
    Answer,
    Count,
    Here,
    LogName,
    Number,
    Services,
    must_be_user,
)
from launcher.store import log_lines

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=[Depends(must_be_user)])

_LONGEST_TEXT = 1000


@router.get("/jobs/{ref}/logs/{attempt}/{rank}/lines")
def count_lines(
    *,
    here: Here,
    ref: str,
    attempt: Number,
    rank: Number,
    first: Count = 0,
    stream: LogName = "log",
) -> Answer:
    """Newlines in each `block` bytes of a log, from block number `first` on: where lines are.

    So a reader fetches the bytes of the lines that it shows, and no others. Of a very long log a
    call tells a part; the next one begins behind it.
    """
    log, read = _opened(here, ref, attempt, rank, stream)
    return Answer(
        {
            "block": log_lines.BLOCK,
            "first": first,
            "counts": log_lines.counts(read, log, first),
            "length": log.length,
            "missing": log.missing,
        }
    )


@router.get("/jobs/{ref}/logs/{attempt}/{rank}/search")
def search(
    *,
    here: Here,
    ref: str,
    attempt: Number,
    rank: Number,
    text: Annotated[str, Query(min_length=1, max_length=_LONGEST_TEXT)],
    offset: Count = 0,
    line: Count = 0,
    case: bool = False,
    stream: LogName = "log",
) -> Answer:
    """Numbers of the lines that hold a text, from `offset` on, where line number `line` begins.

    `next`: where the following call goes on, as `{"offset", "line"}`. `is_all`: it need not until
    the log is longer.
    """
    log, read = _opened(here, ref, attempt, rank, stream)
    found = log_lines.search(read, log, text, offset, line, same_case=case)
    then = {"offset": found.offset, "line": found.line}
    return Answer({"lines": found.lines, "next": then, "is_all": found.is_all})


def _opened(
    here: Services, ref: str, attempt: int, rank: int, stream: str
) -> tuple[StoredLog, Callable[[int, int], bytes]]:
    job_id = here.control.resolve(ref)
    store = here.control.store
    with store.read() as tx:
        log = store.logs.stream(tx, job_id, attempt, rank, stream)
    if log is None:
        words = f"no {stream} of rank {rank} in attempt {attempt}"
        raise NotFoundError(f"job '{job_id}' has {words}")
    return log, lambda offset, size: store.logs.read(job_id, attempt, rank, stream, offset, size)
