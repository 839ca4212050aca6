"""A visit in this process: its output, its input, and the signals that are meant for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import select
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from launcher.api.visits import Visit
from launcher.cli import _output, _terminal
from launcher.errors import LauncherError
from launcher.model.visit import LARGEST_READ, STDERR, exit_code

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_ENDS_TERMINAL = (signal.SIGTERM, signal.SIGHUP)
_F_SETPIPE_SZ = 1031
_AGAIN_S = 0.5
_FORCE = 3
"""So many Ctrl-C end it, whatever it does about them."""


def follow(visit: Visit, *, stdin: bool, tty: bool) -> int:
    """Carry everything to and fro until it ends; the exit code of `launcher exec`.

    Raises:
        LauncherError: the connection to it was lost.
    """
    steering = _Steering(visit, tty=tty)
    try:
        with contextlib.ExitStack() as restored:
            if tty:
                restored.enter_context(_terminal.raw(_STDIN))
            restored.enter_context(steering.signals())
            if stdin:
                _widen(_STDIN)
                threading.Thread(
                    target=_give_stdin, args=(visit, steering if tty else None), daemon=True
                ).start()
            for kind, data in visit.output():
                _write(_STDERR if kind == STDERR else _STDOUT, data)
    except BrokenPipeError:  # whoever read our output has left
        return 128 + signal.SIGPIPE
    finally:
        visit.leave()
    end = visit.end
    assert end is not None
    if end.reason:
        raise LauncherError(f"the command was ended: {end.reason}")
    return exit_code(end)


def _widen(descriptor: int) -> None:
    """More at once comes through a pipe that holds more; what is none stays as it is."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, _F_SETPIPE_SZ, LARGEST_READ)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares it with us made it so
            _await(descriptor, select.POLLOUT)


def _await(descriptor: int, event: int) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    poll.poll()


def _give_stdin(visit: Visit, steering: _Steering | None) -> None:
    """All of it; with `steering`, of a terminal, until the user wants to leave."""
    escape = _terminal.Escape()
    while data := _read():
        leaves = False
        if steering is not None:
            data, leaves = escape.read(data)
        is_taken = _given(visit, data)
        if leaves:
            break
        if not is_taken:
            return
    if steering is not None:
        steering.leave()
    else:
        with contextlib.suppress(LauncherError):
            visit.close_input()


def _given(visit: Visit, data: bytes) -> bool:
    """Whether it takes more; whoever reads its output tells what happened to the connection."""
    try:
        return visit.give(data)
    except LauncherError:
        return False


def _read() -> bytes:
    """What is there of stdin; empty at its end, whatever that is."""
    _await(_STDIN, select.POLLIN)
    try:
        return os.read(_STDIN, LARGEST_READ)
    except OSError:
        return b""


class _Leaving(BaseException):
    """The user leaves; the code of this process is then that of the signal."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Steering:
    """What happens to this process and is meant for the command, told from a thread of its own."""

    def __init__(self, visit: Visit, *, tty: bool) -> None:
        self._visit, self._tty = visit, tty
        self._sent: list[int] = []
        self._interrupts = 0
        self._changes: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._main = threading.get_ident()
        self._leaving = 0
        self._is_left = threading.Event()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Heard by us until the end of the block. What is ignored, as by nohup, stays so."""
        wanted = (*_ENDS_TERMINAL, signal.SIGWINCH) if self._tty else _PASSED_ON
        before = {}
        try:
            for number in wanted:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._hear)
            threading.Thread(target=self._tell, daemon=True).start()
            yield
        except _Leaving as leaving:
            self._is_left.set()
            raise SystemExit(128 + leaving.number) from None
        finally:
            self._is_left.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    def leave(self) -> None:
        """From another thread: the terminal is gone, or its user wants to be."""
        signal.pthread_kill(self._main, signal.SIGHUP)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._tty and number in _ENDS_TERMINAL:
            self._leave_by(number)
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts >= _FORCE:
                self._leave_by(number)
            if self._interrupts == _FORCE - 1:
                _output.note("interrupted twice; once more ends the command by force")
        self._changes.put(number)

    def _leave_by(self, number: int) -> NoReturn:
        if not self._leaving:
            self._leaving = number
            self._changes.put(number)
        raise _Leaving(number)

    def _insist(self) -> None:
        """Signal again until it is heard: where a destructor runs, python drops what is raised."""
        while not self._is_left.wait(_AGAIN_S):
            signal.pthread_kill(self._main, self._leaving)

    def _tell(self) -> None:
        """Everything that happened since the last time, at once."""
        while True:
            number = self._changes.get()
            if self._leaving:
                self._insist()
                return
            if number != signal.SIGWINCH:
                self._sent.append(number)
            rows, columns = _terminal.size() if self._tty else (0, 0)
            with contextlib.suppress(LauncherError):
                self._visit.steer(rows=rows, columns=columns, signals=self._sent)
