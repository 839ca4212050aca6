"""The process of a visit, and all that it starts: its pipes or terminal, its signals, its end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from launcher.executor import entering
from launcher.executor.keeper import bury, carries
from launcher.executor.ranks import RankStart
from launcher.model.visit import LARGEST_READ, STDERR, STDOUT, VisitOrder

_F_SETPIPE_SZ = 1031
_IUTF8 = 0x4000
_NOT_FOR_VISITS = frozenset({"LAUNCHER_SPOOL", "TORCHELASTIC_ERROR_FILE"})
"""What would mix the words of a visit into those of the rank."""


def environment_of(start: RankStart, order: VisitOrder) -> dict[str, str]:
    """The rank's environment; what the rank alone reports through is left out."""
    env = {key: value for key, value in start.env.items() if key not in _NOT_FOR_VISITS}
    if order.tty:
        env["TERM"] = order.term or "dumb"
    return env | {"LAUNCHER_EXEC": order.id}


def shell_of(env: Mapping[str, str]) -> str:
    """The shell that the node's user has, else bash, else sh."""
    for name in (env.get("SHELL", ""), "bash"):
        found = shutil.which(name, path=env.get("PATH")) if name else None
        if found and Path(found).name not in {"false", "nologin"}:
            return found
    return "/bin/sh"


class Visitor:
    """A running command. Of one thread; `signal` and `resize` may be called from others.

    Raises:
        OSError: it could not be started at all.
    """

    def __init__(self, order: VisitOrder, start: RankStart) -> None:
        self._mark = f"LAUNCHER_EXEC={order.id}".encode()
        env = environment_of(start, order)
        self._terminal: int | None = None
        self.stdin: int | None = None
        """Where what is given to the command is written; None: nothing is given."""
        self._kinds: dict[int, int] = {}
        """The kind of frame that the data of each open output makes."""
        if order.tty:
            self._start_in_terminal(order, start, env)
        else:
            self._start_in_pipes(order, start, env)
        self._poll = select.poll()
        for descriptor in self._kinds:
            self._poll.register(descriptor, select.POLLIN)

    @property
    def pid(self) -> int:
        """Also of its session and its first process group."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit code, or minus the signal's number; None as long as it runs."""
        return self._process.poll()

    def read(self, patience_s: float) -> list[tuple[int, bytes]]:
        """What came of its outputs: kind and data; empty when nothing came in time.

        When all of them are closed it waits for the process in their place.
        """
        while self._kinds:
            ready = self._poll.poll(patience_s * 1000)
            found = [one for descriptor, _ in ready if (one := self._read_one(descriptor))]
            if found or not ready:
                return found
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        return []

    def write(self, data: bytes, patience_s: float) -> int:
        """Give it as much as it takes in time; how much it took.

        Raises:
            OSError: it reads no more.
        """
        if self.stdin is None:
            return len(data)
        poll = select.poll()
        poll.register(self.stdin, select.POLLOUT)
        return os.write(self.stdin, data) if poll.poll(patience_s * 1000) else 0

    def close_stdin(self) -> None:
        """Nothing more is given."""
        if self.stdin is not None and self._terminal is None:
            os.close(self.stdin)
        self.stdin = None

    def resize(self, rows: int, columns: int) -> None:
        if self._terminal is not None:
            size = struct.pack("HHHH", rows, columns, 0, 0)
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def signal(self, number: int) -> None:
        """To its process group; of a terminal, to the one in the foreground too."""
        groups = {self.pid}
        if self._terminal is not None:
            with contextlib.suppress(OSError):
                groups.add(os.tcgetpgrp(self._terminal))
        for group in groups - {0}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def bury(self) -> None:
        """Kill all that is left of it, whatever it has made of itself; returns when it is gone."""
        bury(lambda pid: carries(pid, self._mark) or _session_of(pid) == self.pid)
        self._process.wait()

    def close(self) -> None:
        """Give its descriptors back; it has ended."""
        self.close_stdin()
        for descriptor in list(self._kinds):
            self._forget(descriptor)
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    # --- starting ---------------------------------------------------------------------------------

    def _start_in_terminal(self, order: VisitOrder, start: RankStart, env: dict[str, str]) -> None:
        self._terminal, inside = os.openpty()
        try:
            self.resize(order.rows, order.columns)
            modes = termios.tcgetattr(inside)
            modes[0] |= _IUTF8  # so that a key that erases takes a whole character
            termios.tcsetattr(inside, termios.TCSANOW, modes)
            self._process = self._spawn(order, start, env, (inside, inside, inside))
        except BaseException:
            os.close(self._terminal)
            raise
        finally:
            os.close(inside)
        os.set_blocking(self._terminal, False)
        self.stdin = self._terminal
        self._kinds = {self._terminal: STDOUT}

    def _start_in_pipes(self, order: VisitOrder, start: RankStart, env: dict[str, str]) -> None:
        with contextlib.ExitStack() as undo:
            null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            undo.callback(os.close, null)
            theirs, ours = [null], []
            if order.stdin:
                reader, writer = os.pipe()
                undo.callback(os.close, reader)
                theirs, ours = [reader], [writer]
            for _ in range(2):
                reader, writer = os.pipe()
                undo.callback(os.close, writer)
                theirs.append(writer)
                ours.append(reader)
            try:
                self._process = self._spawn(order, start, env, (theirs[0], theirs[1], theirs[2]))
            except BaseException:
                for descriptor in ours:
                    os.close(descriptor)
                raise
        for descriptor in ours:
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError):  # as much as this user may have
                fcntl.fcntl(descriptor, _F_SETPIPE_SZ, LARGEST_READ)
        self.stdin = ours.pop(0) if order.stdin else None
        self._kinds = dict(zip(ours, (STDOUT, STDERR), strict=True))

    def _spawn(
        self,
        order: VisitOrder,
        start: RankStart,
        env: dict[str, str],
        stdio: tuple[int, int, int],
    ) -> subprocess.Popen[bytes]:
        told, tell = os.pipe()
        with os.fdopen(tell, "wb", buffering=0) as order_of:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", entering.__file__, str(told)],
                    stdin=stdio[0],
                    stdout=stdio[1],
                    stderr=stdio[2],
                    pass_fds=[told],
                    start_new_session=True,
                    # Not the job's own: what that does to a python is no matter of this script.
                    env={"PATH": os.environ.get("PATH", os.defpath), **_marks(env)},
                )
            finally:
                os.close(told)
            command = {
                "argv": list(order.argv) or [shell_of(env)],
                "env": env,
                "cwd": str(start.cwd),
                "agent": os.getpid(),
                "tty": order.tty,
            }
            with contextlib.suppress(BrokenPipeError):  # it has ended, as its code will tell
                order_of.write(json.dumps(command).encode())
        return process

    def _read_one(self, descriptor: int) -> tuple[int, bytes] | None:
        try:
            data = os.read(descriptor, LARGEST_READ)
        except BlockingIOError:
            return None
        except OSError:  # of a terminal that nobody has open any more
            data = b""
        if data:
            return self._kinds[descriptor], data
        self._forget(descriptor)
        return None

    def _forget(self, descriptor: int) -> None:
        """It has ended. That of a terminal stays open for what is asked of it."""
        self._poll.unregister(descriptor)
        del self._kinds[descriptor]
        if descriptor != self._terminal:
            os.close(descriptor)


def _marks(env: Mapping[str, str]) -> dict[str, str]:
    """What tells whose process it is."""
    return {key: value for key, value in env.items() if key.startswith("LAUNCHER_")}


def end_softly(visitor: Visitor, patience_s: float) -> None:
    """Hang up, as a terminal that is closed; the rest is for `bury`."""
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
        visitor.signal(number)
    give_up = time.monotonic() + patience_s
    while visitor.code is None and time.monotonic() < give_up:
        time.sleep(0.02)


def _session_of(pid: int) -> int:
    """The session of a process that runs; 0 when it does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in {b"Z", b"X"} else int(fields[3])
