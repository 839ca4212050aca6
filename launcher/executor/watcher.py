"""The agent's watching thread: commits what the program of this node saves by itself.

It looks once a second, and oftener while something is being written; copies what is complete into
a folder of the agent's own, and hands the copy to the saving thread once the server has every point
that was reported before. The program is never waited for, nor made to wait.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from launcher.executor.folders import JobFolder
from launcher.executor.formats import Structure, structure_of
from launcher.executor.journal import Journal
from launcher.executor.saving import Saver
from launcher.executor.shipping import Shipper
from launcher.executor.watchfiles import copy, look
from launcher.executor.watching import PATIENCE_S, End, Print, Sight, Watch
from launcher.model.checkpoint import Manifest, Watched
from launcher.model.metric import CheckpointSaved
from launcher.model.watched import owner_of, stored_path
from launcher.units import format_duration

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 0.25
"""While something is being written: a program may save anew soon after its files have rested."""
LOOK_SHARE = 0.05
"""Looking takes at most this share of the time: there may be very many files, or a slow disk. What
is then copied does not count: the next save may be the last one before a stop."""
SHIPPED_EVERY_S = 0.1
_TRIES_AT_END = 3
_NICENESS = 10
_CLOCK_REALTIME_COARSE = 5
"""The clock that stamps files; it may be behind the one that stamps reports by its resolution."""


@dataclass(frozen=True)
class Watching:
    """What is watched on a node, and whose it is.

    is_sound: whether no rank here was killed or failed, and all are there; true only when that is
    sure at the moment of the call. on_commit: called when files were committed, with the attempt
    and the moment that they are of (monotonic).
    """

    patterns: tuple[str, ...]
    per_node: bool
    node: int
    nodes: int
    is_sound: Callable[[], bool]
    on_commit: Callable[[int, float], None]


@dataclass
class _Round:
    """One attempt on this node."""

    attempt: int
    watch: Watch
    base: Sight
    manifest: Manifest | None
    step: int
    """Of the checkpoint that was made last."""
    number: int = 0
    earlier: Path | None = None
    told: set[str] = field(default_factory=set)
    structures: dict[str, tuple[Print, Structure]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Copy:
    """A checkpoint that waits for the points before it."""

    round: _Round
    folder: Path
    number: int
    written_at: float
    """Seconds since the epoch, as the file system says."""
    taken_at: float
    """When it was looked at, as the watcher's clock says."""
    marks: Mapping[Path, int]
    """How much of each spool the server must have."""


class Watcher:
    """Watches the files of one job on one node, for one attempt after the other.

    Args:
        folder: the job's.
        rule: what is watched.
        journal: fed by the shipper.
        shipper: knows what the server has.
        saver: takes the copies.
        note: tells something that the job's events shall show.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        folder: JobFolder,
        rule: Watching,
        journal: Journal,
        shipper: Shipper,
        saver: Saver,
        *,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._rule, self._journal = folder, rule, journal
        self._shipper, self._saver, self._note, self._clock = shipper, saver, note, clock
        self._deeds: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open: set[int] = set()
        self._finished = 0
        self._round: _Round | None = None
        self._is_over = False
        self._waiting: _Copy | None = None
        self._next_look = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="watching", daemon=True)

    def start(self) -> None:
        """Look from now on, as often as there is something to see."""
        self._thread.start()

    def begin(self, attempt: int, put_back: Manifest | None) -> None:
        """The files are in place, and no rank has started: what is written from now on is news.

        Args:
            attempt: that is about to start.
            put_back: the checkpoint that the files are of.
        """
        base = look(self._folder.work, self._rule.patterns)
        step = put_back.step if put_back else 0
        fresh = _Round(attempt, Watch(base), base, put_back, step)
        self._journal.begin(attempt)
        self._open.add(attempt)
        self._deeds.put(lambda: self._begin(fresh))

    def finish(self, attempt: int, end: End) -> None:
        """All ranks of the attempt on this node are over: take a last look."""
        self._deeds.put(lambda: self._finish(attempt, end))

    def is_done(self, attempt: int) -> bool:
        """The saver has everything of the attempt that could be saved."""
        return attempt not in self._open

    def close(self) -> None:
        """End the thread; what waits is given up."""
        self._deeds.put(self._close)
        self._thread.join(timeout=10.0)

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        with suppress(OSError):  # it is a courtesy
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while not self._closing:
            try:
                self._next_deed()()
            except Exception as error:  # also a bug's: the job must go on, and its end be told
                log.exception("watching")
                self._tell(f"watched files not saved: {error}")

    def _next_deed(self) -> Callable[[], None]:
        patience_s = max(0.0, self._next_look - self._clock())
        if self._waiting is not None:
            patience_s = min(patience_s, SHIPPED_EVERY_S)
        idle = self._waiting is None and (self._round is None or self._is_over)
        try:
            return self._deeds.get(timeout=None if idle else patience_s)
        except queue.Empty:
            return self._turn

    def _begin(self, fresh: _Round) -> None:
        if fresh.attempt <= self._finished:  # it was given up before it had begun
            self._open.discard(fresh.attempt)
            return
        self._round, self._is_over = fresh, False
        self._next_look = self._clock()

    def _turn(self) -> None:
        if self._waiting is not None:
            self._hand_over(self._waiting)
        if self._round is not None and not self._is_over and self._clock() >= self._next_look:
            self._look(self._round, End.NOT_YET)

    def _finish(self, attempt: int, end: End) -> None:
        self._finished = max(self._finished, attempt)
        mine = self._round
        if mine is None or mine.attempt != attempt:
            self._open.discard(attempt)
            return
        try:
            for _ in range(_TRIES_AT_END):
                if self._look(mine, end):
                    break
            for fault in mine.watch.faults(end, self._structure):
                self._tell(f"not saved: {fault}")
        finally:
            self._is_over = True
            self._release()

    def _close(self) -> None:
        self._closing = True

    def _release(self) -> None:
        """The attempt is done once nothing of it waits here."""
        if self._is_over and self._waiting is None and self._round is not None:
            self._open.discard(self._round.attempt)

    # --- looking ---------------------------------------------------------------------------------

    def _look(self, mine: _Round, end: End) -> bool:
        """Look, and copy what is complete; False when it changed under our hands."""
        begun = self._clock()
        self._next_look = begun + LOOK_EVERY_S
        sight = look(self._folder.work, self._rule.patterns)
        now = self._clock()
        mine.watch.see(sight, now, sound=end is End.NOT_YET and self._rule.is_sound())
        every_s = LOOK_AGAIN_S if mine.watch.written() else LOOK_EVERY_S
        self._next_look = begun + max(every_s, (now - begun) / LOOK_SHARE)
        if mine.watch.is_due(end, self._structure):
            return self._copy(mine, sight, begun)
        hindrance = mine.watch.hindrance(now, self._structure) if end is End.NOT_YET else None
        if hindrance:
            span = format_duration(PATIENCE_S)
            self._tell(f"no checkpoint of watched files for {span}: {hindrance}")
        return True

    def _structure(self, path: str, print_: Print) -> Structure:
        assert self._round is not None
        known = self._round.structures.get(path)
        if known is None or known[0] != print_:
            known = (print_, structure_of(self._folder.work / path))
            self._round.structures[path] = known
        return known[1]

    def _copy(self, mine: _Round, sight: Sight, taken_at: float) -> bool:
        number = mine.number + 1
        target = self._folder.watched(mine.attempt) / str(number)
        shutil.rmtree(target, ignore_errors=True)
        written = mine.watch.written()
        try:
            copy(self._folder.work, self._own(mine, sight), target, mine.earlier, written)
            is_whole = look(self._folder.work, self._rule.patterns).files == sight.files
        except FileNotFoundError:
            is_whole = False
        except OSError:
            shutil.rmtree(target, ignore_errors=True)
            raise
        if not is_whole:
            shutil.rmtree(target, ignore_errors=True)
            return False
        mine.watch.take()
        mine.number, mine.earlier = number, target
        if self._waiting is not None:  # the server was not heard for long: the newer one counts
            shutil.rmtree(self._waiting.folder, ignore_errors=True)
        written_at = max(sight.files[path].mtime_ns for path in written) / 1e9
        marks = self._spools(mine.attempt)
        self._waiting = _Copy(mine, target, number, written_at, taken_at, marks)
        self._hand_over(self._waiting)
        return True

    def _own(self, mine: _Round, sight: Sight) -> dict[str, str]:
        """The files that are this node's to send, and where each stands in the checkpoint."""
        rule, own = self._rule, {}
        for path, print_ in sight.files.items():
            stored = stored_path(path, rule.node, per_node=rule.per_node)
            if mine.base.files.get(path) == print_:
                owner = owner_of(mine.manifest, stored, rule.nodes)
                if owner not in {None, rule.node}:
                    continue
            own[path] = stored
        return own

    def _spools(self, attempt: int) -> dict[Path, int]:
        own = [file for file in self._folder.rank_files() if file.attempt == attempt]
        return {file.path: file.path.stat().st_size for file in own if file.holds_records}

    # --- handing over ----------------------------------------------------------------------------

    def _hand_over(self, made: _Copy) -> None:
        """Give the copy to the saver, if the server has what was reported before."""
        if not self._shipper.has(made.marks):
            return
        mine, rule = made.round, self._rule
        standing = self._journal.by(made.written_at + time.clock_getres(_CLOCK_REALTIME_COARSE))
        mine.step = mine.step + 1 if standing.step is None else standing.step
        saved = CheckpointSaved(mine.step, made.folder.name, standing.metrics, sharded=False)
        watched = Watched(rule.node, made.number, rule.per_node)
        self._saver.add_watched(mine.attempt, saved, made.folder, watched, made.taken_at)
        self._waiting = None
        self._release()

    def _tell(self, text: str) -> None:
        """A note of the job's events, once an attempt."""
        if self._round is None or text not in self._round.told:
            if self._round is not None:
                self._round.told.add(text)
            self._note(text)
