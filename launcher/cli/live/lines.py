"""From a rank's bytes to lines, and from a line to what a terminal may show of it."""

from __future__ import annotations

import re

from launcher.model.harmless import COMMANDS

LONGEST_LINE = 64 * 1024
"""A program that never ends its line must not fill our memory."""
# SGR (colours) is captured and stays; everything else that moves, asks or retitles goes.
_ESCAPES = re.compile(rf"(\x1b\[[0-9;:]*m)|{COMMANDS}")
_COLOURS = ("36", "35", "33", "32", "34", "95", "96", "93")


class LineCutter:
    """Cuts the bytes of one output into lines; keeps the one that has not ended."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            lines.append(self.rest)
            self.rest = b""
        return lines


def visible(line: bytes) -> str:
    r"""What a terminal would leave on the screen of this line, without what could harm it.

    A progress bar that draws itself anew after each carriage return is shown as it is now.

    >>> visible(b"10%\r20%\r\n"), visible(b"\x1b[31mred\x1b[2J")
    ('20%', '\x1b[31mred\x1b[0m')
    """
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    drawn = [part for part in text.split("\r") if part]
    shown = _ESCAPES.sub(lambda found: found.group(1) or "", drawn[-1] if drawn else "")
    return f"{shown}\x1b[0m" if "\x1b" in shown else shown


def prefix(rank: int, *, colour: bool) -> str:
    """What stands before a line when several ranks print."""
    label = f"r{rank} │ "
    return f"\x1b[{_COLOURS[rank % len(_COLOURS)]}m{label}\x1b[0m" if colour else label
