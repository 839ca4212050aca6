"""`should_stop`: every rank hears the wish to stop at the same call, so none waits for the others.

The rank and its agent share a file of four 64-bit words:

    calls     written by the rank only: how often it has asked
    target    written by the agent: the call at which the answer becomes True
    state     written by the agent after `target`: 0 nothing, 1 proposed, 2 committed
    reserved

The leader proposes a call that lies ahead of every rank, lets all agents confirm that their ranks'
`calls` are still below it, and commits. A rank that reaches a proposed target waits for the
outcome, for a moment only. Confirming means: write the proposal, pause a millisecond, read `calls`,
so that a rank that did not see the proposal has certainly been counted.
"""

from __future__ import annotations

import mmap
import os
import time
from functools import lru_cache

from launcher.train.notices import warn_once
from launcher.train.place import in_job
from launcher.train.spool import standard_streams_taken

CALLS, TARGET, STATE = 0, 1, 2
NOTHING, PROPOSED, COMMITTED = 0, 1, 2
SIZE = 32
_PATIENCE_S = 5.0
_POLL_S = 0.001


class StopFile:
    """The rank's side of the shared file, which it makes if the agent has not."""

    def __init__(self, path: str, patience_s: float = _PATIENCE_S) -> None:
        # A view of native words: each access is one load or store of 8 bytes. `struct` would move
        # them byte by byte, and the other side could see half a number.
        self._words = memoryview(_map(path)).cast("q")
        self._patience_s = patience_s
        self._abandoned = -1
        """Target that stayed proposed for too long; it is not waited for again."""

    def should_stop(self) -> bool:
        words = self._words
        calls = words[CALLS] + 1
        words[CALLS] = calls
        if words[STATE] == PROPOSED and words[TARGET] <= calls:
            self._await_outcome(calls)
        return words[STATE] == COMMITTED and words[TARGET] <= calls

    def _await_outcome(self, calls: int) -> None:
        words = self._words
        target = words[TARGET]
        if target == self._abandoned:
            return
        deadline = time.monotonic() + self._patience_s
        while words[STATE] == PROPOSED and words[TARGET] <= calls:
            if time.monotonic() > deadline:
                # The agent is gone or stuck; training must not stutter at every later call.
                self._abandoned = target
                return
            time.sleep(_POLL_S)


def should_stop() -> bool:
    """Whether to save and leave now: somebody cancelled the job, or preempts it.

    Call it once a step, in every rank and in the rank's main process: all ranks get True at the
    same call. Outside a job it is False.
    """
    file = _stop_file()
    return file is not None and file.should_stop()


@lru_cache(maxsize=None)  # noqa: UP033 - functools.cache came with Python 3.9
def _stop_file() -> StopFile | None:
    spool = os.environ.get("LAUNCHER_SPOOL")
    if not spool or not in_job():
        return None
    try:
        return StopFile(spool + ".stop")
    except OSError as error:
        warn_once("stop", f"should_stop will stay False: {error}")
        return None


def _map(path: str) -> mmap.mmap:
    with standard_streams_taken():  # mmap keeps a descriptor of its own
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(descriptor).st_size < SIZE:
                os.ftruncate(descriptor, SIZE)
            return mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
