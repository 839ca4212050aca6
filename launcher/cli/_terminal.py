"""The user's own terminal: made raw for the program on the other side, and always given back."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_TILDE, _DOT = b"~", b"."
_LINE_ENDS = frozenset({0x0D, 0x0A})


def is_terminal(descriptor: int) -> bool:
    """Whether it is open, and a terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def size() -> tuple[int, int]:
    """Rows and columns; zeros when it does not tell."""
    try:
        columns, rows = os.get_terminal_size(sys.stdin.fileno())
    except (OSError, ValueError):
        return 0, 0
    return rows, columns


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Every key goes to the other side as it is, until the end of the block."""
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Escape:
    """`~.` at the beginning of a line leaves, as in ssh; `~~` there is one tilde.

    >>> escape = Escape()
    >>> escape.read(b"ls ~."), Escape().read(b"~."), Escape().read(b"~~ home")
    ((b'ls ~.', False), (b'', True), (b'~ home', False))
    """

    def __init__(self) -> None:
        self._begins_line, self._has_tilde = True, False

    def read(self, data: bytes) -> tuple[bytes, bool]:
        """What goes to the other side, and whether the user wants to leave."""
        through = bytearray()
        for value in data:
            key = bytes([value])
            if self._has_tilde:
                self._has_tilde = False
                if key == _DOT:
                    return bytes(through), True
                through += _TILDE if key == _TILDE else _TILDE + key
            elif self._begins_line and key == _TILDE:
                self._has_tilde = True
                self._begins_line = False
                continue
            else:
                through += key
            self._begins_line = value in _LINE_ENDS
        return bytes(through), False
