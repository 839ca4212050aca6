"""The agent's ranks: started and buried by the keeper, read when they end, flagged to stop."""

from __future__ import annotations

import json
import math
import mmap
import os
import queue
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.executor.folders import JobFolder
from launcher.executor.keepers import Keeper
from launcher.executor.redacting import Redactor
from launcher.model.job import RankExit
from launcher.model.metric import checkpoint_of, parse_record, progress_of
from launcher.model.verdict import BEGUN_AFTER_S, last_error_line
from launcher.train.stopping import CALLS, COMMITTED, NOTHING, PROPOSED, SIZE, STATE, TARGET

TAIL_BYTES, TAIL_LINES = 4096, 20
COMMAND = -1
"""In place of a rank's number: a command that prepares the ranks."""
_FRAMES_BYTES = 4 * TAIL_BYTES
"""What a native library may print of its stack behind a rank's last words."""
_FRAME = re.compile(r"\s*@\s+0x[0-9a-f]+\s")
_SPOOL_TAIL = 65536
_LAST_WORDS = 1 << 20
"""Bytes of a disk with which a program's error message may have found no room."""


@dataclass(frozen=True)
class RankStart:
    """How to start one rank."""

    rank: int
    argv: Sequence[str]
    env: dict[str, str]
    cwd: Path


class Ranks:
    """The ranks of one attempt on this node.

    Args:
        folder: the job's files on this node.
        mark: environment entry that all processes of the allocation carry.
        on_exit: called (from a thread of its own) with every exit so far when a rank ends.
        held: descriptors that stay open for as long as anything of ours may run.
        redactor: of the job's secrets, for what is told of ranks' ends.
    """

    def __init__(
        self,
        folder: JobFolder,
        mark: str,
        on_exit: Callable[[int, list[RankExit]], None],
        held: Sequence[int] = (),
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor or Redactor()
        self._folder, self._mark, self._on_exit, self._held = folder, mark, on_exit, held
        self._until = math.inf
        self._attempt = 0
        self._expected: set[int] = set()
        self._exits: dict[int, RankExit] = {}
        self._pids: dict[int, int] = {}
        self._signalled = False
        self._ooms = 0
        self._flags: dict[int, memoryview] = {}
        self._keeper: Keeper | None = None
        """Executes commands, and ranks that start cold."""
        self._preloaded: Keeper | None = None
        """Forks ranks from an interpreter that has imported what they need."""
        self._starter: Keeper | None = None
        """Whichever of the two has the ranks."""
        self._is_doubtful = False
        self._started_at = 0.0
        self._command: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._command_lock = threading.Lock()
        self._abandoned = 0

    def run_command(
        self, attempt: int, argv: Sequence[str], env: dict[str, str], cwd: Path, log: Path
    ) -> int:
        """Run what prepares the ranks, one at a time, as a rank is run: with them it is buried.

        Returns:
            Its exit code, or minus the signal's number. Once the attempt is abandoned nothing is
            started any more.
        """
        order = {"rank": COMMAND, "argv": list(argv), "env": env, "cwd": str(cwd), "log": str(log)}
        with self._command_lock:
            if attempt <= self._abandoned:
                return -signal.SIGKILL
            self._command = queue.SimpleQueue()
            keeper = self._living_keeper()
            keeper.tell({"start": order})
        while True:
            try:
                return self._command.get(timeout=1.0)
            except queue.Empty:
                if keeper.is_gone:  # it was dying when it was told
                    return -signal.SIGKILL

    def abandon(self, attempt: int) -> None:
        """End the command of this attempt or an earlier one, and start none for it."""
        with self._command_lock:
            self._abandoned = max(self._abandoned, attempt)
            if self._keeper is not None:
                order = {"rank": COMMAND, "number": signal.SIGKILL, "session": True}
                self._keeper.tell({"signal": order})

    def is_abandoned(self, attempt: int) -> bool:
        return attempt <= self._abandoned

    def start(
        self,
        attempt: int,
        starts: Sequence[RankStart],
        *,
        head_start_s: Callable[[bool], float] = lambda _warm: 0.0,
        preloaded: Callable[[], Keeper | None] = lambda: None,
    ) -> None:
        """Start all ranks of an attempt; each one's end comes by `on_exit`.

        Args:
            attempt: its number.
            starts: the ranks of this node, in order.
            head_start_s: how much earlier rank 0 is started, here or on another node, given
                whether they start warm.
            preloaded: gives a new keeper that has imported what they need; None: they start cold.
                It is not asked again once ranks that did not crashed before their first report, or
                had to be ended.

        Raises:
            OSError: the disk has no room for what they need; none was started.
        """
        self._attempt, self._exits, self._signalled = attempt, {}, False
        self._started_at = time.monotonic()
        self._pids = {}
        self._expected = {start.rank for start in starts}
        self._ooms = _oom_kills()
        self._flags = {
            start.rank: _stop_file(self._folder.spool(attempt, start.rank)) for start in starts
        }
        keeper = self._preloaded_keeper(preloaded) or self._living_keeper()
        self._starter = keeper
        first_behind = next((start.rank for start in starts if start.rank), None)
        head_start = head_start_s(self.is_warm)
        for start in starts:
            if start.rank == first_behind and head_start:
                keeper.tell({"pause": head_start})
            order = {
                "rank": start.rank,
                "argv": list(start.argv),
                "env": start.env,
                "cwd": str(start.cwd),
                "log": str(self._folder.log(attempt, start.rank)),
            }
            keeper.tell({"start": order})
        if keeper.is_gone:  # it was dying when it became theirs
            self._all_gone()

    def run_until(self, until: float) -> None:
        """Past this time (monotonic) nothing runs, even if this process stands still."""
        if until != self._until:
            self._until = until
            for keeper in self._keepers():
                keeper.tell({"until": until})

    def signal(self, number: int, *, whole_session: bool) -> None:
        """Signal every living rank (with all of its process group, if asked)."""
        self._signalled = True
        if self._starter is not None:
            order = {"rank": None, "number": number, "session": whole_session}
            self._starter.tell({"signal": order})

    def propose_stop(self, target: int) -> tuple[int, bool]:
        """Propose the call of should_stop() at which it turns True.

        Returns:
            The highest number of calls of a rank here, and whether all ranks are below `target`.
        """
        for words in self._flags.values():
            words[STATE] = NOTHING
            words[TARGET] = target
            words[STATE] = PROPOSED
        time.sleep(0.001)  # so that a rank which did not see the proposal has been counted
        calls = self.calls()
        return calls, calls < target

    def commit_stop(self, target: int) -> None:
        for words in self._flags.values():
            if words[TARGET] == target:
                words[STATE] = COMMITTED

    def calls(self) -> int:
        """How often a rank here asked should_stop(), at most."""
        return max((words[CALLS] for words in self._flags.values()), default=0)

    def are_sound(self) -> bool:
        """Whether every rank was started and none was killed or has failed, at this moment."""
        exits, pids = dict(self._exits), dict(self._pids)
        return bool(self._expected) and all(
            exits[rank].code == 0 if rank in exits else rank in pids and _lives(pids[rank])
            for rank in self._expected
        )

    def pids(self) -> dict[int, int]:
        """Processes of the ranks that were started and have not ended, by rank."""
        started, ended = dict(self._pids), dict(self._exits)
        return {rank: pid for rank, pid in started.items() if rank not in ended}

    def close(self) -> None:
        """End everything that the allocation ever started here; returns when it is gone."""
        with self._command_lock:
            self._abandoned = sys.maxsize
        for keeper in self._keepers():
            keeper.close()

    @property
    def is_warm(self) -> bool:
        """Whether the ranks of this attempt were forked from a preloaded interpreter."""
        return self._starter is not None and self._starter is self._preloaded

    def _keepers(self) -> list[Keeper]:
        return [keeper for keeper in (self._keeper, self._preloaded) if keeper is not None]

    def _living_keeper(self) -> Keeper:
        if self._keeper is None or self._keeper.is_gone:
            self._keeper = Keeper.executed(self._mark, self._folder.path, self._held)
            self._begin(self._keeper)
        return self._keeper

    def _preloaded_keeper(self, ask: Callable[[], Keeper | None]) -> Keeper | None:
        if self._is_doubtful:
            return None
        if self._preloaded is None or self._preloaded.is_gone:
            self._preloaded = ask()
            if self._preloaded is not None:
                self._begin(self._preloaded)
        return self._preloaded

    def _begin(self, keeper: Keeper) -> None:
        if self._until < math.inf:
            keeper.tell({"until": self._until})
        threading.Thread(target=self._listen, args=(keeper,), name="keeper", daemon=True).start()

    def _listen(self, keeper: Keeper) -> None:
        for message in keeper.heard():
            if message.get("exit") == COMMAND:
                self._command.put(int(message["code"]))
            elif "started" in message:
                self._pids[int(message["started"])] = int(message["pid"])
            elif "exit" in message:
                peak = int(message.get("peak", 0))
                self._ended(int(message["exit"]), int(message["code"]), peak)
        # Its death signal took the ranks along, and the command.
        if keeper is self._keeper:
            self._command.put(-signal.SIGKILL)
        if keeper is self._starter:
            self._all_gone()

    def _all_gone(self) -> None:
        for rank in sorted(self._expected - set(self._exits)):
            self._ended(rank, -signal.SIGKILL)

    def _ended(self, rank: int, code: int, peak: int = 0) -> None:
        attempt = self._attempt
        reported, finished = _what_it_said(self._folder.spool(attempt, rank))
        tail = log_tail(self._folder.log(attempt, rank), self._redactor) if code else ""
        error = _error_of(self._folder.error_file(attempt, rank), self._redactor) if code else ""
        if code and not error and not last_error_line(tail):
            error = _full_disk(self._folder.path)
        self._exits[rank] = RankExit(
            rank=rank,
            code=code,
            stopped=self._signalled,
            reported=reported,
            finished=finished,
            oom=code == -signal.SIGKILL and not self._signalled and _oom_kills() > self._ooms,
            tail=tail,
            error=error,
            peak_memory=peak,
            warm=self.is_warm,
        )
        # One that crashed or, as may be, hung: a start that is like no other is not tried twice.
        began = reported or time.monotonic() - self._started_at >= BEGUN_AFTER_S
        of_start = self._exits[rank].has_crashed or self._signalled
        self._is_doubtful |= self.is_warm and of_start and not began
        self._on_exit(attempt, list(self._exits.values()))


def _lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not buried yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state not in {b"Z", b"X", b""}


def log_tail(path: Path, redactor: Redactor) -> str:
    """The last lines of a log, for people: without the frames of native stacks."""
    count = TAIL_BYTES + _FRAMES_BYTES
    end = _last_bytes(path, count + redactor.lookback)
    text = redactor.last_bytes(end, count).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if not _FRAME.match(line)]
    return "\n".join(lines[-TAIL_LINES:])[-TAIL_BYTES:]


def _what_it_said(spool: Path) -> tuple[bool, bool]:
    """Whether a rank reported at all, and whether its last word was of the final step."""
    if not spool.exists() or spool.stat().st_size == 0:
        return False, False
    lines = _last_bytes(spool, _SPOOL_TAIL).splitlines()
    records = [record for line in lines if (record := parse_record(line)) is not None]
    progress = [found for record in records if (found := progress_of(record))]
    totals = [found.total_steps for found in progress if found.total_steps]
    steps = [found.step for found in progress]
    steps += [saved.step for record in records if (saved := checkpoint_of(record))]
    finished = bool(totals and steps) and max(steps) >= totals[-1]
    return True, finished


def _last_bytes(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count))
            return file.read(count)
    except OSError:
        return b""


def _error_of(path: Path, redactor: Redactor) -> str:
    """The message of an error file as torch's `@record` writes it."""
    try:
        message = json.loads(path.read_text(encoding="utf-8", errors="replace"))["message"]
        text = message["message"] if isinstance(message, dict) else message
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    words = redactor.text(str(text)).strip()
    return words.splitlines()[-1][:300] if words else ""


def _full_disk(folder: Path) -> str:
    """Words for a rank whose own found no room in its log; empty when there is some."""
    try:
        is_full = shutil.disk_usage(folder).free < _LAST_WORDS
    except OSError:
        return ""
    return f"the disk of the job's folder on this node is full ({folder})" if is_full else ""


def _stop_file(spool: Path) -> memoryview:
    descriptor = os.open(f"{spool}.stop", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Not a hole: on a full disk the first write into one ends a process by SIGBUS.
        os.posix_fallocate(descriptor, 0, SIZE)
        return memoryview(mmap.mmap(descriptor, SIZE)).cast("q")
    finally:
        os.close(descriptor)


def _oom_kills() -> int:
    """How often the kernel's out-of-memory killer struck in our memory group."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            words = Path(path).read_text(encoding="ascii").split()
            return int(words[words.index("oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            continue
    return 0
