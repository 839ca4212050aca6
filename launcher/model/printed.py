"""What a program prints, cut into what it drew: lines, and the states of a line drawn anew. Pure.

A progress bar goes back to the beginning of its line, by carriage return or backspaces, and draws
over it. Each such state is a piece of its own here. A piece counts once what ends it was printed,
so it does not matter in which portions the bytes come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 16 * 1024
"""A piece that is longer, in bytes, is passed over: no line of figures is."""
_PIECE = re.compile(rb"([^\r\n\x08]*)([\r\x08]+|\n)")
_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]")


class Drawn(NamedTuple):
    """One piece. `ends_line`: the line was left; what it shows stays."""

    text: str
    ends_line: bool


class Cutter:
    """Cuts a stream of bytes that comes in portions.

    Its only state is whether the beginning of a piece was given up as too long (`torn`). All else
    is in the bytes: the caller gives again what `take` left.
    """

    def __init__(self, *, torn: bool = False) -> None:
        self.torn = torn
        self.taken = 0
        """Bytes of the last portion that need not be given again."""

    def take(self, data: bytes) -> Iterator[Drawn]:
        """The pieces that `data` ends, oldest first."""
        self.taken = 0
        # Not a byte further: without an end to find, the search would begin at each byte anew.
        ended = max(data.rfind(sign) for sign in (b"\n", b"\r", b"\b")) + 1
        for found in _PIECE.finditer(data, 0, ended):
            self.taken = found.end()
            ends_line = found[2] == b"\n"
            too_long = self.torn or len(found[1]) > LONGEST
            self.torn = False
            if ends_line or (found[1] and not too_long):
                yield Drawn("" if too_long else _text(found[1]), ends_line)
        if len(data) - self.taken > LONGEST:
            self.taken, self.torn = len(data), True

    def pass_gap(self) -> None:
        """What follows is not what was to be printed next: bytes between are gone."""
        self.torn = True


def _text(piece: bytes) -> str:
    text = piece.decode("utf-8", "replace")
    return _COLOUR.sub("", text) if "\x1b" in text else text
