"""Where words go: results to stdout, everything else to stderr; colours only for people."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from launcher.model.harmless import harmless

_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_STATE_COLOURS = {
    "SUCCEEDED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
    "CANCELLING": "yellow",
    "HELD": "yellow",
    "RUNNING": "cyan",
    "STARTING": "cyan",
    "SETUP": "cyan",
}


def print_json(data: Any) -> None:
    """JSON alone on stdout, for programs; not-a-numbers as the strings nan, inf, -inf."""
    print(json.dumps(_finite(data), indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Something worth saying that is no result."""
    print(text, file=sys.stderr, flush=True)


def is_read_by_people() -> bool:
    """Whether stderr is a terminal: what every command may say there beside its result."""
    return sys.stderr.isatty()


def wants_colour(*, err: bool = False) -> bool:
    """Whether stdout, or stderr, is a terminal of somebody who likes colours."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, *, err: bool = False) -> str:
    """The text in a colour, where colours are wanted."""
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if style and wants_colour(err=err) else text


def paint_state(state: str, *, err: bool = False) -> str:
    return paint(state, _STATE_COLOURS.get(state, ""), err=err)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; on a terminal the last one is cut to what is left of the line.

    Names of files and metrics are the programs' own: none of them may command the terminal.
    """
    rows = [[harmless(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for number, row in enumerate([headings, *rows]):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        left = room - sum(map(len, cells)) - 2 * len(cells)
        last = row[-1] if not room or len(row[-1]) <= left else f"{row[-1][: max(left - 1, 8)]}…"
        if number == 0:
            print(paint("  ".join([*cells, last]).rstrip(), "dim"))
        else:
            print("  ".join([*(_painted(cell) for cell in cells), last]).rstrip())


def _painted(cell: str) -> str:
    return paint(cell, _STATE_COLOURS.get(cell.strip(), ""))


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(item) for item in data]
    if isinstance(data, float) and (data != data or data in {float("inf"), float("-inf")}):  # noqa: PLR0124 - only NaN differs from itself
        return str(data)
    return data
