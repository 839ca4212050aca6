"""`launcher exec` as a user calls it: a process of its own, in pipes or in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from machine import PATIENCE_S
from stack import Stack

ROWS, COLUMNS = 33, 101


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "launcher", "exec", *words]


def environment(stack: Stack) -> dict[str, str]:
    ours = {"LAUNCHER_SERVER": stack.url, "LAUNCHER_TOKEN": stack.token}
    return os.environ | ours | {"TERM": "vt100"}


def run(stack: Stack, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Its whole life."""
    return subprocess.run(
        command(*words),
        input=stdin,
        capture_output=True,
        env=environment(stack),
        timeout=PATIENCE_S,
        check=False,
    )


def start(stack: Stack, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(*words),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(stack),
        start_new_session=True,
    )


class Terminal:
    """A terminal in which `launcher exec` runs. Use it in a `with`."""

    def __init__(self, stack: Stack, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(ROWS, COLUMNS)
        self.modes = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.seen = b""
        self.process = subprocess.Popen(
            command(*words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(stack),
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hears_of_its_size(self) -> None:
        """A terminal tells its foreground; this one is nobody's controlling terminal."""
        self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def await_text(self, text: str) -> None:
        """Read on until it was shown, behind what was awaited before."""
        give_up = time.monotonic() + PATIENCE_S
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], 1.0)
            if ready:
                self.seen += os.read(self._ours, 65536)
            assert time.monotonic() < give_up, f"{text!r} was not shown: {self.seen!r}"
        self.seen = self.seen.partition(text.encode())[2]

    def is_as_before(self) -> bool:
        """Whether its modes are those that it had."""
        return termios.tcgetattr(self._theirs) == self.modes

    def wait(self) -> int:
        """The exit code, once it has ended."""
        give_up = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            ready, _, _ = select.select([self._ours], [], [], 0.05)
            if ready:
                self.seen += os.read(self._ours, 65536)
            assert time.monotonic() < give_up, self.seen
        assert isinstance(self.process.returncode, int)
        return self.process.returncode
