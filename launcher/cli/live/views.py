"""Two ways to show a job that is followed: on a terminal, and in a pipe."""

from __future__ import annotations

import os
import re
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from launcher.cli import _output, _words
from launcher.cli.live.board import Board
from launcher.cli.live.lines import collapsed, prefix, visible
from launcher.cli.live.screen import Screen
from launcher.cli.live.status import StatusPainter

_BURST = 2000
"""Lines that may come at once; a person reads no more, and a terminal draws no more in time."""
_LINES_PER_S = 400
_RESUME_AT = 200
"""So many lines are shown together after a gap, so that gaps do not alternate with single lines."""
_PLAIN_STATUS_S = 5.0
_NOTE_MARGIN = 2


class LiveView(Protocol):
    """Shows what is handed to it; `refresh` is called several times a second."""

    def chunk(self, rank: int, data: bytes) -> None:
        """Bytes as a rank wrote them."""

    def lines(self, rank: int, lines: Sequence[bytes]) -> None:
        """The whole lines among them."""

    def note(self, text: str) -> None:
        """Something that happened to the job."""

    def refresh(self, board: Board, drawing: bytes) -> None: ...

    def close(self) -> None: ...


def is_terminal() -> bool:
    """A person watches, on something that can move its cursor."""
    watched = sys.stdout.isatty() and sys.stderr.isatty()
    return watched and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


class TerminalView:
    """Lines scroll, the status stays below. Skips lines rather than falling behind."""

    def __init__(self, job: str, *, labelled: bool, grep: re.Pattern[bytes] | None) -> None:
        self._screen = Screen(sys.stdout)
        self._painter = StatusPainter()
        self._job = job
        self._labelled = labelled
        self._grep = grep
        self._waiting: list[str] = []
        self._budget = float(_BURST)
        self._refilled = time.monotonic()
        self._skipped: Counter[int] = Counter()

    def chunk(self, rank: int, data: bytes) -> None:
        pass  # whole lines are enough; the one that has not ended stands in the status

    def lines(self, rank: int, lines: Sequence[bytes]) -> None:
        if self._grep is not None:
            lines = [line for line in lines if self._grep.search(line)]
        room = int(self._budget) - len(self._waiting)
        if self._skipped and room < _RESUME_AT:
            room = 0
        fitting = lines[-room:] if room > 0 else []
        self._skipped[rank] += len(lines) - len(fitting)
        if fitting:
            self._tell_skipped()
            label = prefix(rank, colour=_output.wants_colour()) if self._labelled else ""
            self._waiting += [label + visible(line) for line in fitting]

    def note(self, text: str) -> None:
        self._tell_skipped()
        style = "yellow" if text.startswith("warning:") else "dim"
        self._waiting += [_output.paint(line, style) for line in noted(text, self._screen.width)]

    def refresh(self, board: Board, drawing: bytes) -> None:
        now = time.monotonic()
        self._budget = max(self._budget - len(self._waiting), 0.0)
        self._budget = min(self._budget + (now - self._refilled) * _LINES_PER_S, _BURST)
        self._refilled = now
        width = self._screen.width
        below = self._painter.paint(board, drawing, width=width, now=time.time())
        self._screen.write(self._waiting, below)
        self._waiting = []

    def close(self) -> None:
        self._tell_skipped()
        self._screen.write(self._waiting, [])
        self._screen.close()

    def _tell_skipped(self) -> None:
        for rank, count in sorted(self._skipped.items()):
            if count:
                words = f"… {_words.plural(count, 'line')} not shown: "
                words += f"launcher logs {self._job} --rank {rank}"
                self._waiting.append(_output.paint(words, "yellow"))
        self._skipped.clear()


class PlainView:
    """The output as it is on stdout, words about it on stderr; the cursor never moves back."""

    def __init__(
        self, *, labelled: bool, grep: re.Pattern[bytes] | None, quiet: bool, raw: bool = False
    ) -> None:
        self._labelled = labelled
        self._grep = grep
        self._quiet = quiet
        self._told = ""
        self._told_at = 0.0
        self._harmless = sys.stdout.isatty() and not raw
        self._raw = raw
        self._whole = not labelled and grep is None and not self._harmless

    def chunk(self, rank: int, data: bytes) -> None:  # noqa: ARG002 - only one rank is shown so
        if self._whole:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def lines(self, rank: int, lines: Sequence[bytes]) -> None:
        if self._whole:
            return
        label = prefix(rank, colour=_output.wants_colour()).encode() if self._labelled else b""
        for line in lines:
            left = line if self._raw else collapsed(line)
            if self._grep is None or self._grep.search(left):
                shown = visible(left).encode() if self._harmless else left
                sys.stdout.buffer.write(label + shown + b"\n")
        sys.stdout.buffer.flush()

    def note(self, text: str) -> None:
        if not self._quiet:
            _output.note(text)

    def refresh(self, board: Board, drawing: bytes) -> None:  # noqa: ARG002 - nothing stays below
        words = plain_status(board)
        now = time.monotonic()
        due = now - self._told_at >= _PLAIN_STATUS_S or board.ended
        if words and words != self._told and due:
            self.note(words)
            self._told, self._told_at = words, now

    def close(self) -> None:
        sys.stdout.buffer.flush()


def noted(text: str, width: int) -> list[str]:
    """What happened as lines of a terminal, which would break them within words.

    >>> noted("two ranks were lost", 14)
    ['· two ranks', '  were lost']
    """
    fitting = max(width - _NOTE_MARGIN, _NOTE_MARGIN)
    return [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(
            paragraph, fitting, initial_indent="· ", subsequent_indent="  ", break_on_hyphens=False
        )
    ]


def plain_status(board: Board) -> str:
    """Progress and metrics in one line; empty before the first report."""
    if board.silent_s is not None:
        return f"the server does not answer ({board.silent_s:.0f}s); trying again"
    if board.step is None:
        return ""
    total = f"/{board.total_steps}" if board.total_steps else ""
    newest = {name: board.curves[name].values[-1] for name in _words.metric_order(board.curves)[:3]}
    values = [f"{name} {_words.number(value)}" for name, value in newest.items()]
    parts = [f"step {board.step}{total}", *values]
    if board.steps_per_s:
        parts.append(f"{_words.number(board.steps_per_s)} steps/s")
    return "  ".join(parts)
