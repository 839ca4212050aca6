"""From a rank's bytes to lines, and from a line to what a terminal may show of it."""

from __future__ import annotations

import re

from launcher.model.harmless import COMMANDS

LONGEST_LINE = 64 * 1024
"""A program that never ends its line must not fill our memory."""
# SGR (colours) is captured and stays; everything else that moves, asks or retitles goes.
_ESCAPES = re.compile(rf"(\x1b\[[0-9;:]*m)|{COMMANDS}")
_STROKES = re.compile(rf"\r+|\x08+|{COMMANDS}|(?P<character>.)", re.DOTALL)
_KEPT_OF_BAR = 8 * 1024
"""Bytes of a line that is drawn anew: some twenty states of a progress bar."""
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_COLOURS = ("36", "35", "33", "32", "34", "95", "96", "93")


class LineCutter:
    """Cuts the bytes of one output into lines; keeps the one that has not ended.

    Of a line that is drawn anew for longer than fits, its newest states are kept.
    """

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            redrawn = self.rest.find(b"\r", len(self.rest) - _KEPT_OF_BAR)
            if redrawn >= 0:
                self.rest = self.rest[redrawn:]
            else:
                lines.append(self.rest)
                self.rest = b""
        return lines


def visible(line: bytes) -> str:
    r"""What a terminal would leave on the screen of this line, without what could harm it.

    >>> visible(b"10%\r20%\r\n"), visible(b"\x1b[31mred\x1b[2J"), visible(b"99%\b\b\b100%")
    ('20%', '\x1b[31mred\x1b[0m', '100%')
    """
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    if "\r" in text or "\b" in text:
        text = _drawn(text)
    shown = _ESCAPES.sub(lambda found: found.group(1) or "", text)
    return f"{shown}\x1b[0m" if "\x1b" in shown else shown


def collapsed(line: bytes) -> bytes:
    """The line as a terminal would leave it, if it goes back in itself; else as it is."""
    return visible(line).encode() if b"\r" in line[:-1] or b"\b" in line else line


def _drawn(text: str) -> str:
    """The line after all of its states were drawn over each other, from its beginning each time.

    A cell is a character and the colours before it. Of what comes before the newest states,
    nothing is left to see.
    """
    cells: list[str] = []
    at, colours = 0, ""
    for found in _STROKES.finditer(text, max(0, len(text) - _KEPT_OF_BAR)):
        stroke = found[0]
        if stroke[0] == "\r":
            at = 0
        elif stroke[0] == "\b":
            at = max(at - len(stroke), 0)
        elif stroke == "\x1b[K":
            del cells[at:]
        elif found["character"]:
            cells[at : at + 1] = [colours + stroke]
            at, colours = at + 1, ""
        elif _COLOUR.fullmatch(stroke):
            colours += stroke
    return "".join(cells) + colours


def prefix(rank: int, *, colour: bool) -> str:
    """What stands before a line when several ranks print."""
    label = f"r{rank} │ "
    return f"\x1b[{_COLOURS[rank % len(_COLOURS)]}m{label}\x1b[0m" if colour else label
