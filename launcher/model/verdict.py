"""From the exits of a gang's ranks to one verdict: what happened, and who failed first."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import replace

from launcher.model.ending import WORDS, Ending
from launcher.model.harmless import harmless
from launcher.model.job import RankExit, Verdict

BEGUN_AFTER_S = 60.0
"""A program that reports nothing counts as begun when its ranks ran for so long."""

_COLLATERAL = re.compile(
    r"connection (closed|reset) by peer|broken pipe|socket timeout|DistNetworkError"
    r"|DistBackendError|NCCL.*(abort|unhandled|remote)|gloo.*(connection|timed? ?out)"
    r"|HorovodInternalError|connectionError.*store|recvValue failed|sendBytes failed"
    r"|Collective ops is aborted by",
    re.IGNORECASE,
)
_ENDED_BY_JAX = "the JAX distributed service detected fatal errors"
"""Last words of a process that JAX ended as another one did not answer, or not at its exit."""
_NEVER_MET = re.compile(
    r"DistStoreError: Timed out after \d+ seconds waiting for clients"
    r"|client socket has timed out after .* while trying to connect"
    r"|DEADLINE_EXCEEDED.*\s+RPC: /\S*CoordinationService/RegisterTask"
)
_PORT_TAKEN = re.compile(r"EADDRINUSE|address already in use", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|CUDA out of memory|^(?:\[rank\d+\]: )?MemoryError|std::bad_alloc"
    r"|Cannot allocate memory|_ArrayMemoryError|OOM when allocating"
    r"|RESOURCE_EXHAUSTED: Out of memory",
    re.MULTILINE,
)
_OF_A_RANK = re.compile(r"^\[rank\d+\]: ")
"""What torch puts before each line of a traceback once there is a process group."""
_ERROR = re.compile(r"(\w+\.)*\w*(Error|Exception|Interrupt)\b")
_FATAL = re.compile(r"F\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] (?:.*absl::Status: )?(.+)")
"""A line with which absl's log ends a process, as in TensorFlow and JAX."""
_ABORTED_AT_EXIT = "terminate called without an active exception"


def judge(
    exits: Sequence[RankExit],
    *,
    expected: int,
    ran_s: float,
    saved: bool = False,
    lost: Sequence[str] = (),
    setup_errors: Sequence[str] = (),
) -> Verdict:
    """The verdict on an attempt whose ranks are all over.

    Args:
        exits: of every rank whose agent lives, in any order; empty when none was started.
        expected: number of ranks of the gang.
        ran_s: seconds since the ranks were started, on the leader's clock.
        saved: files that the program saved by itself were committed.
        lost: what is known of agents that died in the attempt, a text each.
        setup_errors: why nodes could not be prepared or ranks not be started, a text each.
    """
    began = saved or any(rank.reported for rank in exits)
    began |= ran_s >= BEGUN_AFTER_S and not any(_never_met(rank) for rank in exits)
    ordered = tuple(sorted(exits, key=lambda rank: rank.rank))
    if lost:
        words = f"{WORDS[Ending.WORKER_LOST]}: {'; '.join(lost)}"
        return Verdict(Ending.WORKER_LOST, words, None, ordered, began)
    if setup_errors:
        return Verdict(Ending.SETUP_FAILED, "; ".join(setup_errors), None, ordered, began)
    first = first_failing(exits)
    if first is None and (len(exits) < expected or any(rank.code != 0 for rank in exits)):
        # Stopped on purpose: the server, which asked for it, knows the ending.
        return Verdict(Ending.WORKER_LOST, "the gang was stopped", None, ordered, began)
    if first is None:
        return Verdict(Ending.FINISHED, WORDS[Ending.FINISHED], None, ordered, began)
    if _only_aborted_at_exit(exits):
        words = f"{WORDS[Ending.EXIT_ABORTED]} (rank {first.rank}: {describe_code(first.code)})"
        return Verdict(Ending.EXIT_ABORTED, words, first.rank, ordered, began)
    ending = _ending_of(first, began=began)
    words = _words_of(first, ending)
    error = harmless(first.error) or last_error_line(first.tail)
    if error.startswith("EOFError"):
        error += " (a job has no standard input: give the program its answers as arguments)"
    return Verdict(
        ending, f"{words}: {error}" if error else words, first.rank, ordered, began=began
    )


def _words_of(first: RankExit, ending: Ending) -> str:
    """How the first rank that failed ended."""
    words = f"rank {first.rank}: {describe_code(first.code)}"
    if ending is Ending.OUT_OF_MEMORY:
        return f"{words}, out of memory"
    if ending is Ending.WARM_START_FAILED:
        return f"{words} before its first report, after a warm start; the next start is cold"
    if ending is Ending.START_TIMEOUT and _never_met(first):
        return f"{words}, as the ranks did not all meet in time"
    if ending is Ending.START_TIMEOUT:
        return f"rank {first.rank}: the rendezvous port was taken; another one is tried"
    return words


def overruled(verdict: Verdict, ending: Ending, words: str = "") -> Verdict:
    """The verdict on an attempt that was stopped for a reason: that is its ending.

    What had done its work by then is finished all the same, unless its user did not want it.
    """
    done = verdict.ending is Ending.FINISHED and any(rank.finished for rank in verdict.exits)
    if done and ending is not Ending.CANCELLED_BY_USER:
        return verdict
    return replace(verdict, ending=ending, words=words)


def first_failing(exits: Iterable[RankExit]) -> RankExit | None:
    """The rank whose failure began it all; None when no rank failed by itself.

    Ranks that the gang's stop ended never count. A rank whose last words are of a broken
    connection died in a collective after a peer, so it counts only when nobody else failed.
    """
    failed = [rank for rank in exits if rank.code != 0 and not rank.stopped]
    own_fault = [rank for rank in failed if not _followed_a_peer(rank)]
    return min(own_fault or failed, key=lambda rank: (rank.after_s, rank.rank), default=None)


def _followed_a_peer(rank: RankExit) -> bool:
    """Its last words are of a peer that was lost; where JAX ended it, unless it tells more."""
    was_ended = _ENDED_BY_JAX in rank.tail and not _error_lines(rank.tail)
    return was_ended or bool(_COLLATERAL.search(rank.tail))


def _never_met(rank: RankExit) -> bool:
    """It waited in vain for the others to come."""
    return rank.code != 0 and bool(_NEVER_MET.search(rank.tail))


def looks_like_abort_at_exit(rank: RankExit) -> bool:
    """A rank that aborted in its interpreter's exit, its work done (torch with gloo does it)."""
    aborted = rank.code == -signal.SIGABRT
    return aborted and (rank.finished or _ABORTED_AT_EXIT in rank.tail)


def _only_aborted_at_exit(exits: Iterable[RankExit]) -> bool:
    """Every rank exited with 0 or aborted at its exit, with a sign that the work was done."""
    ranks = list(exits)
    clean = [rank for rank in ranks if rank.code == 0]
    aborted = [rank for rank in ranks if rank.code != 0]
    if not all(looks_like_abort_at_exit(rank) for rank in aborted):
        return False
    return any(rank.finished for rank in ranks) or (bool(clean) and not _any_reported(ranks))


def _any_reported(ranks: Iterable[RankExit]) -> bool:
    return any(rank.reported for rank in ranks)


def _ending_of(first: RankExit, *, began: bool) -> Ending:
    if first.oom or _OUT_OF_MEMORY.search(first.tail):
        return Ending.OUT_OF_MEMORY
    if first.code in {-signal.SIGKILL, 128 + signal.SIGKILL}:
        return Ending.KILLED
    if not began and (_PORT_TAKEN.search(first.tail) or _never_met(first)):
        return Ending.START_TIMEOUT
    if not began and first.warm and first.has_crashed:
        return Ending.WARM_START_FAILED
    return Ending.PROGRAM_FAILED


def describe_code(code: int) -> str:
    """An exit code in words.

    >>> describe_code(1), describe_code(-11)
    ('exit code 1', 'killed by SIGSEGV (segmentation fault)')
    """
    number = -code if code < 0 else code - 128 if 128 < code < 160 else 0
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"exit code {code}"
    meaning = {
        "SIGSEGV": "segmentation fault",
        "SIGABRT": "abort",
        "SIGBUS": "bus error, often a full /dev/shm",
        "SIGKILL": "often the kernel's out-of-memory killer",
    }.get(name)
    told = f"killed by {name}" if code < 0 else f"exit code {code}, as after {name}"
    return f"{told} ({meaning})" if meaning else told


def last_error_line(tail: str) -> str:
    """The line of a log's end that tells the error best.

    The last `SomeError: text`; without one, the line with which a library ended the process.
    """
    named = _error_lines(tail)
    fatal = [found[1] for line in tail.splitlines() if (found := _FATAL.match(harmless(line)))]
    return (named or fatal or [""])[-1][:300]


def _error_lines(tail: str) -> list[str]:
    lines = [_OF_A_RANK.sub("", harmless(told).strip()) for told in tail.splitlines()]
    return [line for line in lines if _ERROR.match(line)]
