"""Lines of a log by their numbers, and those that hold a text: for readers of logs of any length.

A line's number is the count of newlines before it. Both walk the file a piece at a time, and stop
after so many bytes: the caller goes on from where they stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from launcher.model.gaps import StoredLog

Read = Callable[[int, int], bytes]
"""At most so many bytes (second) from an offset (first) on."""

BLOCK = 64 * 1024
"""Of how many bytes lines are counted together."""
_PIECE = 16 * BLOCK
_BYTES_A_CALL = 64 * 1024 * 1024
_HITS_A_CALL = 20_000
_ESCAPE = re.compile(rb"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""What colours text, moves the cursor or names a window: none of it is shown."""


class Found(NamedTuple):
    """`lines`: numbers of lines, ascending. `offset`, `line`: where to go on."""

    lines: list[int]
    offset: int
    line: int
    is_all: bool


def counts(read: Read, log: StoredLog, first: int) -> list[int]:
    """Newlines in each block of the log from block `first` on; the last one may be shorter."""
    found: list[int] = []
    for offset in range(first * BLOCK, log.length, BLOCK):
        if len(found) * BLOCK >= _BYTES_A_CALL:
            break
        size = min(BLOCK, log.length - offset)
        is_hole = any(gap.start <= offset and offset + size <= gap.end for gap in log.gaps)
        found.append(0 if is_hole else read(offset, size).count(b"\n"))
    return found


def search(
    read: Read, log: StoredLog, text: str, offset: int, line: int, *, same_case: bool
) -> Found:
    """Lines that hold a text, from `offset` on, at which line number `line` begins.

    A line that is longer than what a call looks at may be told by the next call once more.

    Args:
        read: of the log's bytes.
        log: which.
        text: as people read it, without what colours it.
        offset: where a line begins.
        line: its number.
        same_case: `Loss` is not `loss`; else letters of ASCII match in both cases.
    """
    needle = text.encode("utf-8", "replace")
    needle = needle if same_case else needle.lower()
    lines: list[int] = []
    last = offset + _BYTES_A_CALL
    for start, piece in _pieces(read, log, offset):
        shown = _ESCAPE.sub(b"", piece) if b"\x1b" in piece else piece
        shown = shown if same_case else shown.lower()
        fresh = [line + number for number in _hits(shown, needle)]
        # A line that is longer than a piece is met again.
        lines.extend(fresh[1:] if fresh[:1] == lines[-1:] else fresh)
        line += piece.count(b"\n")
        offset = start + len(piece)
        if offset >= last or len(lines) >= _HITS_A_CALL:
            return Found(lines, offset, line, offset >= log.length)
    return Found(lines, offset, line, is_all=True)


def _hits(piece: bytes, needle: bytes) -> Iterator[int]:
    """Numbers of the lines of a piece that hold the needle, from 0."""
    number = counted = 0
    at = piece.find(needle)
    while at >= 0:
        number += piece.count(b"\n", counted, at)
        counted = at
        yield number
        end = piece.find(b"\n", at)
        if end < 0:
            return
        at = piece.find(needle, end + 1)


def _pieces(read: Read, log: StoredLog, offset: int) -> Iterator[tuple[int, bytes]]:
    """Where each piece begins, and its bytes: whole lines, or a part of one that is too long."""
    while offset < log.length:
        offset = _behind_hole(log.gaps, offset)
        piece = read(offset, min(_PIECE, log.length - offset))
        if not piece:
            return
        if offset + len(piece) < log.length:
            piece = piece[: piece.rfind(b"\n") + 1] or piece
        yield offset, piece
        offset += len(piece)


def _behind_hole(gaps: Sequence[tuple[int, int]], offset: int) -> int:
    return next((end for start, end in gaps if start <= offset < end), offset)
