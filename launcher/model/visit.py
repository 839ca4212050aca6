"""A visit: a command that somebody runs beside a rank (`launcher exec`), and its wire form.

The output of a visit is a stream of frames, so that one stream carries both outputs of the command
and its end, each in its place.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ALIVE, STDOUT, STDERR, END = 0, 1, 2, 3
"""Kinds of frames: nothing, outputs of the command, and `VisitEnd` as JSON. The first and the last
are the server's own."""

LARGEST_READ = 256 * 1024
"""Bytes that are read at once of an output, or of what is given to the command."""
LARGEST_PIECE = 1024 * 1024
"""Bytes that are sent at once; the server holds as many on the way of a stream of a visit."""
AWAY_S = 10.0
"""A user, agent or server that is not heard for so long has left the visit, which ends."""
LOST = 125
"""Exit code of `launcher exec` when the command did not run or did not come to an end of its own,
as docker's."""

_HEAD = struct.Struct(">BI")


@dataclass(frozen=True)
class VisitOrder:
    """One visit as its agent shall carry it out; a state, as all that the server says.

    `signals` only grows: what was not seen yet is sent. A terminal has `rows` and `columns`.
    """

    id: str
    attempt: int
    rank: int
    argv: tuple[str, ...]
    """Empty: a shell."""
    tty: bool = False
    stdin: bool = False
    """Something is given to the command; else it finds its input at its end."""
    term: str = ""
    rows: int = 0
    columns: int = 0
    signals: tuple[int, ...] = ()
    end: bool = False
    """Nobody wants it any more."""
    revision: int = 0
    """Grows with every change, for orders may come in any sequence."""


@dataclass(frozen=True)
class VisitEnd:
    """How a visit ended. No code: launcher ended it or never began it, and `reason` tells why."""

    code: int | None = None
    """Exit code, or minus the signal's number."""
    reason: str = ""


def exit_code(end: VisitEnd) -> int:
    """What `launcher exec` ends with, in the manner of shells.

    >>> exit_code(VisitEnd(3)), exit_code(VisitEnd(-9)), exit_code(VisitEnd(None, "lost"))
    (3, 137, 125)
    """
    if end.code is None:
        return LOST
    return end.code if end.code >= 0 else 128 - end.code


def frame(kind: int, data: bytes) -> bytes:
    return _HEAD.pack(kind, len(data)) + data


class FrameReader:
    """Frames out of a stream that may break off and be begun anew behind the last whole one."""

    def __init__(self) -> None:
        self.offset = 0
        """Bytes of the command's frames that were given out: where a new stream has to begin."""
        self._rest = bytearray()

    def begin_anew(self) -> None:
        """Forget the frame that a broken stream left in the middle."""
        self._rest.clear()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that are whole now: kind and data.

        Raises:
            ValueError: this is no stream of frames.
        """
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._rest)
            if kind > END or size > LARGEST_PIECE:
                raise ValueError(f"no frame: kind {kind} of {size} bytes")
            end = _HEAD.size + size
            if len(self._rest) < end:
                return
            content = bytes(self._rest[_HEAD.size : end])
            del self._rest[:end]
            if kind in {STDOUT, STDERR}:
                self.offset += end
            yield kind, content
