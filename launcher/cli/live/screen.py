"""Text that scrolls, with a few lines that stay below it, on a terminal."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
# A terminal that knows it draws all between these at once; the others pass over it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"


class Screen:
    """Owns the last lines of the terminal between two calls; `close` gives them back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._below: list[str] = []
        stream.write(_HIDE_CURSOR)

    @property
    def width(self) -> int:
        return shutil.get_terminal_size().columns

    def write(self, lines: Sequence[str], below: Sequence[str]) -> None:
        """Lets lines scroll by, and draws those below anew. One write, so nothing flickers."""
        if not lines and list(below) == self._below:
            return
        scrolled = "".join(f"{line}\n" for line in lines)
        self._stream.write(f"{_BEGIN}{self._erase()}{scrolled}{chr(10).join(below)}{_END}")
        self._stream.flush()
        self._below = list(below)

    def close(self) -> None:
        self._stream.write(self._erase() + _SHOW_CURSOR)
        self._stream.flush()
        self._below = []

    def _erase(self) -> str:
        """Back to the first of the lines below, also when a narrower window has wrapped them."""
        if not self._below:
            return ""
        width = max(self.width, 1)
        rows = sum(max(math.ceil(_cells(line) / width), 1) for line in self._below)
        return "\r" + "\x1b[A" * (rows - 1) + "\x1b[J"


def _cells(line: str) -> int:
    return cell_len(_SGR.sub("", line))
