"""What ranks print and report is taken from their agents: each byte once, and not without end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import Connection

from launcher.model.gaps import is_worth_telling
from launcher.model.job import WARNING, Event
from launcher.model.observing import STREAM as OBSERVED
from launcher.model.retention import LEAST_LOG_SIZE
from launcher.model.sample import STREAM as SAMPLED
from launcher.model.sample import Sample
from launcher.server.control import Control
from launcher.store import events
from launcher.store.intake import SPOOL, Append, SpoolName
from launcher.store.logs import Cut
from launcher.units import format_size

_REPORTS = {SPOOL, OBSERVED}
_OF_RECORDS = {*_REPORTS, SAMPLED}
_WHY = {
    "room": "its node ran out of room for them before they could be sent",
    "": "its node had given them up: sent before, or out of room",
}
"""Why an agent has bytes no more, by its word."""
_UNREAD = (
    "the job's TensorBoard files are kept, but not read: the server has no tensorboard; "
    "pip install 'trainlaunch[tensorboard]' there and start it again"
)

OnSamples = Callable[[str, int, Sequence[Sample]], None]


@dataclass(frozen=True)
class Piece:
    """`size` bytes of a rank's log, or of its spool of reports, from `offset` on.

    With `skip` there are no bytes: so many from `offset` on are gone for good, `why`.
    """

    stream: str
    attempt: int
    rank: int
    offset: int
    size: int
    skip: int = 0
    why: str = ""


class Taking:
    """Synchronous; called from worker threads.

    Args:
        control: the server's.
        log_size: gives how many bytes are kept of what a rank of a job prints in one attempt.
        on_samples: called with job, attempt and samples of one node, once they are stored.
        then: called when all of a request is stored.
    """

    def __init__(
        self,
        control: Control,
        log_size: Callable[[Connection, str], float],
        on_samples: OnSamples = lambda *_: None,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        self._control, self._log_size = control, log_size
        self._on_samples, self._then = on_samples, then

    def take(self, job_id: str, pieces: Sequence[Piece], data: bytes) -> list[int]:
        """Append the pieces, whose bytes `data` holds one after the other.

        Returns:
            The length of the stream of each one after it.

        Raises:
            DiskFullError: those before it are taken.
        """
        lengths = [0] * len(pieces)
        ends = list(accumulate(piece.size for piece in pieces))
        parts = [data[end - piece.size : end] for piece, end in zip(pieces, ends, strict=True)]
        logs = [index for index, piece in enumerate(pieces) if piece.stream not in _OF_RECORDS]
        if logs:
            cuts: list[Cut] = []
            with self._control.store.begin() as tx:  # one: each commit waits for the disk
                for index in logs:
                    lengths[index] = self._take_log(tx, job_id, pieces[index], parts[index], cuts)
            for cut in cuts:
                cut.carry_out()
        reports = [
            i for i, piece in enumerate(pieces) if piece.stream in _REPORTS and not piece.skip
        ]
        taken = self._take_reports(job_id, [(pieces[index], parts[index]) for index in reports])
        for index, length in zip(reports, taken, strict=True):
            lengths[index] = length
        for index in sorted(set(range(len(pieces))) - set(logs) - set(reports)):
            lengths[index] = self._take_spool(job_id, pieces[index], parts[index])
        for piece in pieces:
            kind = "metrics" if piece.stream in _OF_RECORDS else "logs"
            self._control.monitor.ingested(kind, piece.size)
        self._then()
        return lengths

    def _take_log(
        self, tx: Connection, job_id: str, piece: Piece, part: bytes, cuts: list[Cut]
    ) -> int:
        logs, stream = self._control.store.logs, (piece.attempt, piece.rank, piece.stream)
        if piece.skip:
            why = _WHY.get(piece.why, _WHY[""])
            done = logs.skip(tx, job_id, *stream, piece.offset, piece.skip, why)
            if is_worth_telling(done.before, done.after):
                text = f"{format_size(done.after)} of its output are missing: {why}"
                self._tell(tx, job_id, piece, text)
            return done.length
        length = logs.append(tx, job_id, *stream, piece.offset, part)
        if length > LEAST_LOG_SIZE and (limit := self._log_size(tx, job_id)) < length:
            cut = logs.plan_cut(tx, job_id, *stream, int(limit))
            if cut is not None:
                cuts.append(cut)
                shown = format_size(limit)
                text = f"printed more than {shown}: the oldest quarter and the newest are kept"
                self._tell(tx, job_id, piece, text)
        return length

    def _take_samples(self, job_id: str, piece: Piece, part: bytes) -> int:
        samples, name = self._control.store.samples, (piece.attempt, piece.rank)
        if piece.skip:
            return samples.skip(job_id, *name, piece.offset, piece.skip)
        taken = samples.append(job_id, *name, piece.offset, part)
        self._on_samples(job_id, piece.attempt, taken.samples)
        return taken.length

    def _take_reports(self, job_id: str, told: Sequence[tuple[Piece, bytes]]) -> Sequence[int]:
        if not told:
            return ()
        metrics = self._control.store.metrics
        lengths = metrics.append_all(
            [
                Append(
                    SpoolName(job_id, piece.attempt, piece.rank, piece.stream), piece.offset, part
                )
                for piece, part in told
            ]
        )
        for piece, _ in told:
            if piece.stream == OBSERVED and metrics.has_unread(job_id):
                self._tell_unread(job_id, piece)
        return lengths

    def _take_spool(self, job_id: str, piece: Piece, part: bytes) -> int:
        if piece.stream == SAMPLED:
            return self._take_samples(job_id, piece, part)
        metrics, name = self._control.store.metrics, (piece.attempt, piece.rank)
        before, after = metrics.skip(job_id, *name, piece.offset, piece.skip, piece.stream)
        if after > before:
            text = f"{format_size(after - before)} of its reports are missing: {_WHY['']}"
            with self._control.store.begin() as tx:
                self._tell(tx, job_id, piece, text)
        return after

    def _tell(self, tx: Connection, job_id: str, piece: Piece, text: str) -> None:
        """Once: a cut is made again and again while a rank goes on."""
        self._tell_once(
            tx, job_id, Event("output-missing", f"rank {piece.rank}: {text}", piece.attempt)
        )

    def _tell_unread(self, job_id: str, piece: Piece) -> None:
        with self._control.store.begin() as tx:
            self._tell_once(tx, job_id, Event(WARNING, _UNREAD, piece.attempt))

    def _tell_once(self, tx: Connection, job_id: str, event: Event) -> None:
        if not events.has(tx, job_id, event):
            events.append(tx, job_id, [event], self._control.clock())
