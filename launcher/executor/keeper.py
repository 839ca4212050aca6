"""The keeper: a small single-threaded process that starts an agent's ranks and buries them.

Why a process of its own. A rank's death signal is tied to the *thread* that forked it, so that
thread must live as long as the rank; forking from the agent's process, full of gRPC threads, is
not safe; and ranks' children (data loaders, the program behind a shell) get no death signal: the
keeper outlives its agent just long enough to kill them too.

Runs as a script with nothing but the standard library (`python -I -S keeper.py MARK FOLDER`): one
JSON object a line on stdin: {"until": ...}, {"start": {...}}, {"pause": seconds} before what comes
next, {"signal": {...}}; answers on stdout: {"started": ...}, {"exit": ...}. End of input means that
the agent is gone, and `until` that it stands still and its lease ran out (seconds on the machine's
monotonic clock): either way kill everything that belongs to the allocation and leave. What belongs
to it descends from this process, to which daemons come back when their parents end (it is their
subreaper); or, of keepers that were killed, carries MARK in its environment
(`LAUNCHER_ALLOCATION=...`) or writes to a log in FOLDER: programs that set their title overwrite
the environment that the kernel shows.

What a rank leaves behind dies with it, as far as it is in the rank's session; the rest, which
another rank may use, dies with the last rank. Only then is the last exit told.

The agent's listening socket is open here too, unused: its address refuses connections, which all
others take for a proof of death, only once nobody is left to bury.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_ROUNDS, _ROUND_S = 250, 0.02
"""The kernel takes its time to end a process; one that waits for a broken disk may never end."""
_libc = ctypes.CDLL(None, use_errno=True)


def main(mark: str, folder: str, run: Callable[[dict[str, Any]], None] | None = None) -> None:
    """Serve the agent until it ends, or its lease.

    Args:
        mark: environment entry of all that belongs to the allocation.
        folder: the job's on this node.
        run: makes a forked process a rank, and does not return; None: it executes the program.
    """
    keep_from_ranks()
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wake_in, wake_out = os.pipe()
    os.set_blocking(wake_out, False)
    os.set_blocking(wake_in, False)
    signal.set_wakeup_fd(wake_out)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ranks: dict[int, int] = {}
    pending = b""
    until = math.inf
    while (left_s := until - time.monotonic()) > 0:
        ready, _, _ = select.select([0, wake_in], [], [], min(left_s, 3600.0))
        if wake_in in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_in, 4096)
            reap(ranks)
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                until = obey(json.loads(line), ranks, until, run or execute)
    bury(lambda pid: carries(pid, mark.encode()) or writes_to(pid, folder))
    bury_orphans()


def keep_from_ranks() -> None:
    """What the agent left open here is none of the ranks' business."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) > 2:
            with contextlib.suppress(OSError):
                os.set_inheritable(int(entry.name), False)


def obey(
    message: dict[str, Any],
    ranks: dict[int, int],
    until: float,
    run: Callable[[dict[str, Any]], None],
) -> float:
    """Carry out one message of the agent; gives the time until which ranks may run."""
    if "until" in message:
        return float(message["until"])
    if time.monotonic() >= until:
        return until
    if "start" in message:
        order = message["start"]
        pid = start(order, run)
        ranks[pid] = order["rank"]
        say({"started": order["rank"], "pid": pid})
    elif "pause" in message:
        time.sleep(message["pause"])
    elif "signal" in message:
        order = message["signal"]
        for pid, rank in ranks.items():
            if order["rank"] in (rank, None):
                send(pid, order["number"], whole_session=order["session"])
    return until


def start(order: dict[str, Any], run: Callable[[dict[str, Any]], None]) -> int:
    """Fork one rank: own session, death signal, clean signal state, its files as stdio."""
    keeper = os.getpid()
    # A signal that comes before the child is ready for it waits, instead of being ignored as here.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    try:
        os.setsid()
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(255)
        _hear_all_signals()
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        run(order)
    finally:
        os._exit(255)


def execute(order: dict[str, Any]) -> None:
    """Become the program of a rank."""
    try:
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["env"])  # noqa: S606 - its purpose
    except OSError as error:
        os.write(2, f"launcher: cannot run {order['argv'][0]!r}: {error.strerror}\n".encode())
        os._exit(126 if isinstance(error, PermissionError) else 127)


def _hear_all_signals() -> None:
    """What is ignored stays so over `exec`; a shell starts its background deaf to SIGINT."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # the C library's own
            signal.signal(number, signal.SIG_DFL)


def reap(ranks: dict[int, int]) -> None:
    """Tell the agent of every rank that ended."""
    for pid, status, peak in ended():
        rank = ranks.pop(pid, None)
        if rank is None:
            continue  # a daemon, ours since its parent ended
        # What a dead rank left in its session holds its ports and devices.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        if not ranks:
            bury_orphans()
        say({"exit": rank, "code": os.waitstatus_to_exitcode(status), "peak": peak})


def ended() -> Iterator[tuple[int, int, int]]:
    """Children that ended, with their wait status and the most memory they had, in bytes.

    Of a child and those that it waited for, the largest; the kernel counts in KiB.
    """
    with contextlib.suppress(ChildProcessError):  # there is none at all
        while (child := os.wait4(-1, os.WNOHANG))[0]:
            pid, status, used = child
            yield pid, status, used.ru_maxrss * 1024


def send(pid: int, number: int, *, whole_session: bool) -> None:
    """Signal a rank that was not reaped yet, or its whole process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if whole_session:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:  # it was just forked: it leads no group yet
                os.kill(pid, number)
        else:
            os.kill(pid, number)


def bury(belongs: Callable[[int], bool]) -> set[int]:
    """Kill every process of ours that belongs, until none is left; gives their ids."""
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        found = [pid for pid in own_processes() if belongs(pid)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        if not found:
            break
        time.sleep(_ROUND_S)
    return killed


def bury_orphans() -> None:
    """Kill all children, and those that come to us when they end, until none is left."""
    for _ in range(_ROUNDS):
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        for pid in own_processes():
            if parent(pid) == os.getpid():
                send(pid, signal.SIGKILL, whole_session=False)
        time.sleep(_ROUND_S)


def own_processes() -> Iterator[int]:
    """Process ids of our user, without this one."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == os.getuid():
                    yield int(entry.name)


def parent(pid: int) -> int:
    """Of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()[1])
    except (OSError, IndexError):
        return 0


def carries(pid: int, entry: bytes) -> bool:
    """Whether a process that still runs has the entry in its environment."""
    try:
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def writes_to(pid: int, folder: str) -> bool:
    """Whether a process has its standard output or error in a file below the folder."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if Path(folder) in Path(f"/proc/{pid}/fd/{descriptor}").readlink().parents:
                return True
    return False


def say(message: dict[str, Any]) -> None:
    """One line to the agent; it may be gone already."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
