"""One attempt's output and event files, read behind the program's back: see `model.observing`.

What was read goes to `Observed` with the place from which to read on, so it is told exactly once
whoever is killed. The state is also enough for another process to go on: the next agent on the
node, or the executor, finishes what a dead one began.
"""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from launcher.executor import eventfiles, holes
from launcher.executor.folders import JobFolder
from launcher.executor.observed import Observed
from launcher.executor.searcher import Searcher
from launcher.model.codec import decode, encode
from launcher.model.observing import Observing, Tally
from launcher.model.printed import Cutter, Drawn
from launcher.model.progress_bar import Bars, Reading

log = logging.getLogger(__name__)

_MOST_A_LOOK = 1 << 20
_KEEP_EVERY = 4 << 20
"""Bytes without figures after which the place is kept all the same."""
_SPOOL_HEAD = 64 * 1024
_REPORT = b'"k":"m"'
_FOLDER = re.compile(r"rank-(\d+)\.observing")

Note = Callable[[str], None]


class Observation:
    """Reads for one attempt. Not for two threads at once.

    Args:
        folder: the job's files.
        attempt: its number.
        rank: whose output is read, and to whom the figures are ascribed.
        note: tells something that the job's events shall show.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        folder: JobFolder,
        attempt: int,
        rank: int,
        note: Note,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._note, self._clock = folder, note, clock
        self.attempt, self.log = attempt, folder.log(attempt, rank)
        self._spool = folder.spool(attempt, rank)
        self._observed = Observed(folder.observed(attempt, rank), folder.observing(attempt, rank))
        state = self._observed.state
        self._rule = decode(Observing, state.get("rule", {}))
        self._searcher = Searcher(self._rule.patterns, note)
        self._at = self.kept_at = int(state.get("at", 0))
        self._cutter = Cutter(torn=bool(state.get("torn")))
        self._bars = Bars(**state.get("bars", {}))
        self._tally = Tally(**state.get("tally", {}))
        self._files: dict[str, int] = dict(state.get("files", {}))
        self._reports = bool(state.get("reports"))
        self._has_steps = bool(state.get("steps"))
        self.is_closed = bool(state.get("closed", not state))
        self._since = clock()

    def begin(self, rule: Observing) -> None:
        """Before the first rank starts: what lies in the job's folder now is not this attempt's."""
        there = eventfiles.find(self._folder.work, rule.tensorboard) if rule.tensorboard else []
        self._rule = rule
        self._searcher = Searcher(rule.patterns, self._note)
        self._files = {file.path: file.size for file in there}
        self.is_closed = False
        self._keep([])

    def look(self) -> bool:
        """Read what is new, up to about a megabyte; True when more is there.

        Raises:
            OSError: it could not be kept; open the observation anew.
        """
        if self.is_closed:
            return False
        return self._look(last=False)

    def close(self) -> None:
        """Nobody writes for this attempt any more: read all that is left; raises as `look`."""
        if self.is_closed:
            return
        while self._look(last=False):
            pass
        self._look(last=True)
        self._searcher.close()
        self.is_closed = True
        self._keep([])

    def abandon(self) -> None:
        """End what this object started; another one may go on."""
        self._searcher.close()

    def _look(self, *, last: bool) -> bool:
        read, more_printed = self._read_log(last=last)
        events, more_files = self._read_files(last=last)
        records = [*read, *events]
        if records or self._at - self.kept_at >= _KEEP_EVERY:
            self._keep(records)
        return more_printed or more_files

    def _keep(self, records: list[dict[str, Any]]) -> None:
        state = {
            "rule": encode(self._rule),
            "at": self._at,
            "torn": self._cutter.torn,
            "bars": dataclasses.asdict(self._bars),
            "tally": dataclasses.asdict(self._tally),
            "files": self._files,
            "reports": self._reports,
            "steps": self._has_steps,
            "closed": self.is_closed,
        }
        self._observed.add(records, state)
        self.kept_at = self._at

    # --- the output ------------------------------------------------------------------------------

    def _read_log(self, *, last: bool) -> tuple[list[dict[str, Any]], bool]:
        """Records, and whether more can be read at once."""
        if not (self._rule.bars or self._rule.patterns):
            return [], False
        begun = self._clock()
        try:
            with self.log.open("rb") as source:
                portion = self._next(source.fileno())
        except FileNotFoundError:
            return [], False
        data, written_at = portion.data, portion.written_at
        pieces = list(self._cutter.take(data))
        self._at += self._cutter.taken
        # A line without an end is one to who looks for patterns; a bar is torn there.
        rest = data[self._cutter.taken :] if last else b""
        if portion.before_gap:
            self._at = portion.end
            self._cutter.pass_gap()
        records = [
            _record(reading, written_at, min(self._since, written_at))
            for reading in self._figures(pieces, rest)
        ]
        if not portion.more:
            self._since = begun
        return records, portion.more

    def _next(self, descriptor: int) -> _Portion:
        """What follows of the output. What its node gave up, for it needed the room, is a gap."""
        found = os.fstat(descriptor)
        size, at = found.st_size, self._at
        if at >= size:
            return _Portion(b"", at, found.st_mtime)
        first = holes.next_data(descriptor, at, size)
        if first > at:
            self._cutter.pass_gap()
            self._at = first
        hole = holes.next_hole(descriptor, first, size)
        data = os.pread(descriptor, min(_MOST_A_LOOK, hole - first), first)
        end = first + len(data)
        return _Portion(data, end, found.st_mtime, end < size, end == hole < size)

    def _figures(self, pieces: list[Drawn], rest: bytes) -> Iterable[Reading]:
        found = list(self._of_patterns([*pieces, *Cutter().take(rest + b"\n" if rest else b"")]))
        if self._rule.bars:
            found += self._of_bars(pieces)
        self._has_steps = self._has_steps or bool(found)
        return found

    def _of_bars(self, pieces: list[Drawn]) -> list[Reading]:
        """What a program reports by itself, nobody need guess from its output."""
        found = [reading for piece in pieces for reading in self._bars.take(piece)]
        if found and not self._rule.bars_beside_reports and self._program_reports():
            return []
        return found

    def _of_patterns(self, pieces: list[Drawn]) -> Iterable[Reading]:
        if not self._rule.patterns:
            return
        lines = [piece.text for piece in pieces if piece.text.strip()]
        for _, caught in self._searcher.search(lines):
            yield from self._tally.take(caught, self._rule.patterns)

    def _program_reports(self) -> bool:
        if not self._reports:
            try:
                with self._spool.open("rb") as spool:
                    self._reports = _REPORT in spool.read(_SPOOL_HEAD)
            except FileNotFoundError:
                return False
        return self._reports

    # --- event files -----------------------------------------------------------------------------

    def _read_files(self, *, last: bool) -> tuple[list[dict[str, Any]], bool]:
        if not self._rule.tensorboard:
            return [], False
        records: list[dict[str, Any]] = []
        read = 0
        for file in eventfiles.find(self._folder.work, self._rule.tensorboard):
            start = self._files.get(file.path, 0)
            if file.size <= start:
                continue
            try:
                found = eventfiles.read(self._folder.work, file.path, start)
            except OSError as error:
                log.info("%s is not read: %s", file.path, error)
                continue
            records += [self._event(file.run, payload) for payload in found.payloads]
            read += found.end - start
            self._files[file.path] = found.end
            if last and found.is_all and found.end < file.size:
                left = file.size - found.end
                self._note(f"metrics: {left:,} bytes at the end of {file.path} are no whole record")
            if read >= _MOST_A_LOOK or not found.is_all:
                return records, True
        return records, False

    def _event(self, run: str, payload: bytes) -> dict[str, Any]:
        """`p`: its step is the training's, for there is nothing else that tells it."""
        leads = not self._has_steps and not self._program_reports()
        data = base64.b64encode(payload).decode()
        return {"k": "e", "run": run, "p": leads, "d": data}


class _Portion(NamedTuple):
    """Bytes of an output, up to `end`; the newest ones were written at `written_at`."""

    data: bytes
    end: int
    written_at: float
    more: bool = False
    before_gap: bool = False
    """Those that follow are gone."""


def unfinished(folder: JobFolder, note: Note) -> list[Observation]:
    """Observations of attempts on this node that were not closed, oldest first."""
    found = []
    for path in sorted((folder.path / "attempts").glob("*/rank-*.observing"), key=_number):
        match = _FOLDER.fullmatch(path.name)
        if match is not None and path.parent.name.isdigit():
            one = Observation(folder, int(path.parent.name), int(match[1]), note)
            if not one.is_closed:
                found.append(one)
    return found


def _number(path: Path) -> tuple[int, str]:
    return (int(path.parent.name) if path.parent.name.isdigit() else 0, path.name)


def _record(reading: Reading, written_at: float, since: float) -> dict[str, Any]:
    """`s`: from then on it may have been so; what was saved since belongs to these figures."""
    record = {"t": written_at, "k": "m", "step": reading.step, "m": reading.values, "s": since}
    return record if reading.total_steps is None else record | {"n": reading.total_steps}
