"""Waiting for a job, and reading what it prints, line by line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from launcher.api.caller import Ref
from launcher.api.following import Following
from launcher.errors import JobCancelledError, JobFailedError
from launcher.views import JobView

if TYPE_CHECKING:
    from launcher.follow import Message

_TELL_EVERY_S = 0.5


class Waiting(Following):
    def wait(
        self,
        ref: Ref,
        *,
        progress: bool = False,
        timeout_s: float | None = None,
        check: bool = False,
    ) -> JobView:
        """Blocks until the job ended, and gives it as it is then.

        Args:
            ref: the job.
            progress: say how far it is, in one line that is written anew.
            timeout_s: at most so long; the job runs on.
            check: raise when it did not succeed.

        Raises:
            TimeoutError: it has not ended after `timeout_s`.
            JobFailedError: it failed, and `check` was asked for.
            JobCancelledError: it was cancelled, and `check` was asked for.
        """
        identity = self.job(ref).id
        teller = _Teller(sys.stdout) if progress else None
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        job = self._until_over(identity, teller, give_up)
        if teller is not None:
            teller.end(job)
        if check and job.state == "FAILED":
            raise JobFailedError(f"job {job.id} failed: {job.reason or 'see its log'}")
        if check and job.state == "CANCELLED":
            raise JobCancelledError(f"job {job.id} was cancelled")
        return job

    def _until_over(self, identity: str, teller: _Teller | None, give_up: float | None) -> JobView:
        """Looks now and then where somebody wants to hear of it; else the server says when."""
        if teller is None and give_up is None:
            return self._await_end(identity)
        while not (job := self.job(identity)).is_over:
            if teller is not None:
                teller.tell(job)
            if give_up is not None and time.monotonic() >= give_up:
                raise TimeoutError(f"job {identity} has not ended; it is {job.state}")
            time.sleep(_TELL_EVERY_S)
        return job

    def logs(
        self,
        ref: Ref,
        *,
        rank: int = 0,
        attempt: int | None = None,
        follow: bool = False,
        tail: int | None = None,
    ) -> Iterator[str]:
        """Lines of a rank's output, without their ends.

            for line in client.logs(job, follow=True):
                print(line)

        Args:
            ref: the job.
            rank: whose.
            attempt: of which. Default: the newest; with `follow` from the newest on.
            follow: go on as it prints, until the job ended.
            tail: begin with so many last lines.
        """
        job = self.job(ref)
        newest = job.attempt.number if job.attempt else 1
        if follow:
            wanted = range(attempt or newest, attempt + 1 if attempt else sys.maxsize)
            messages = self.follow(job.id, logs=str(rank), metrics="none", tail=tail)
            return _lines(_printed(messages, wanted))
        number = attempt or newest
        if tail is not None:
            return _lines(iter([self.tail_log(job.id, number, rank, tail).data]))
        return _lines(self.log(job.id, number, rank))


class _Teller:
    """One line on how far a job is, which each look writes anew."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._told = stream, ""

    def tell(self, job: JobView) -> None:
        from launcher.html import metrics, progress

        parts = (job.id, job.state, progress(job), metrics(job.latest, 3))
        line = "  ".join(part for part in parts if part)
        if line != self._told:
            self._stream.write(f"\r{line.ljust(len(self._told))}")
            self._stream.flush()
            self._told = line

    def end(self, job: JobView) -> None:
        self.tell(job)
        self._stream.write("\n")
        self._stream.flush()


def _printed(messages: Iterator[Message], attempts: range) -> Iterator[bytes]:
    from launcher.follow import LogChunk

    for message in messages:
        if isinstance(message, LogChunk) and message.attempt in attempts:
            yield message.data


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Whole lines as they are complete, and the last one without an end."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
