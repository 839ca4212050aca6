"""A chart as text: braille by plotille, with a frame that fits the columns there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from launcher.charts.curve import Axes, Curve, Mark, Point, Scale, drawn, pieces, scale, thinned
from launcher.model.harmless import harmless

_COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue", "white")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LETTER_EVERY = 12
"""Columns between two letters of a curve that is drawn without colours."""
_LEAST_COLUMNS = 20
_MARKS_TOLD = 6
_Pieces = list[list[Point]]


def in_terminal(
    curves: Sequence[Curve],
    axes: Axes,
    *,
    columns: int,
    rows: int = 14,
    colour: bool,
    marks: Sequence[Mark] = (),
) -> str:
    """The chart as text; without colours several curves bear letters.

    Args:
        curves: in the order of their letters or colours.
        axes: their names.
        columns: of the whole text, which is never wider, but for long labels.
        rows: of the canvas; the axes, a line a curve and some for the marks come on top.
        colour: whether the terminal shows colours.
        marks: what happened, below the axis.
    """
    found = [
        list(pieces(thinned(drawn(curve, log=axes.log).points, 4 * columns))) for curve in curves
    ]
    everything = [point for each in found for piece in each for point in piece]
    if not everything:
        above = " above zero" if axes.log else ""
        return f"no numbers of {harmless(axes.y)}{above} to draw"
    ys = scale((y for _, y in everything), max(rows // 2, 3), log=axes.log)
    margin = max(len(words) for _, words in [*ys.ticks, (0.0, "")]) + 1
    width = max(columns - margin - 1, _LEAST_COLUMNS)
    xs = scale((x for x, _ in everything), max(width // 12, 2), seconds=axes.seconds)
    canvas = _canvas(found, xs, ys, width, rows, colour=colour)
    lines = [f"{' ' * margin} {harmless(axes.y)}{' (log)' * axes.log}"]
    lines += _framed(canvas, ys, margin)
    lines += _below(xs, axes.x, margin, width)
    lines += _marked(marks, xs, margin, width)
    lone = len(curves) == 1
    lines += [
        f"{' ' * margin} {_key(number, colour=colour, lone=lone)} {harmless(curve.label)}"
        for number, curve in enumerate(curves)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _canvas(
    found: Sequence[_Pieces], xs: Scale, ys: Scale, width: int, rows: int, *, colour: bool
) -> list[str]:
    import plotille

    # The canvas ends behind its last dot: so the last point falls on it, not beside it.
    right = xs.low + (xs.high - xs.low) * (2 * width) / (2 * width - 1)
    top = ys.low + (ys.high - ys.low) * (4 * rows) / (4 * rows - 1)
    canvas = plotille.Canvas(width, rows, xs.low, ys.low, right, top, mode="names")
    for number, each in enumerate(found):
        fg = _COLOURS[number % len(_COLOURS)] if colour else None
        for piece in each:
            canvas.point(*piece[0], color=fg)
            for (x0, y0), (x1, y1) in pairwise(piece):
                canvas.line(x0, y0, x1, y1, color=fg)
    if not colour and len(found) > 1:
        for number, each in enumerate(found):
            for x, y in _lettered(each, number, len(found), xs, width):
                canvas.text(x, y, _LETTERS[number % len(_LETTERS)])
    blank = "\u2800"  # braille of no dots, which no `rstrip` takes
    return [line.replace(blank, " ") for line in canvas.plot("\n").split("\n")]


def _lettered(each: _Pieces, number: int, of: int, xs: Scale, width: int) -> Iterator[Point]:
    """Where a curve bears its letter: every so many columns, beside those of the others."""
    column = (xs.high - xs.low) / width
    stride = _LETTER_EVERY * column
    following = xs.low + (number % of) * stride / of
    last = None
    for x, y in (point for piece in each for point in piece):
        if x >= following:
            yield x, y
            following += stride * max((x - following) // stride + 1, 1)
        last = (x, y)
    if last is not None and following <= xs.low + stride:
        yield last


def _framed(canvas: Sequence[str], ys: Scale, margin: int) -> Iterator[str]:
    rows = len(canvas)
    told = {
        rows - 1 - min(int((at - ys.low) / (ys.high - ys.low) * rows), rows - 1): words
        for at, words in ys.ticks
    }
    for row, line in enumerate(canvas):
        words = told.get(row)
        yield f"{(words or '').rjust(margin - 1)} {'┤' if words else '│'}{line}"


def _below(xs: Scale, name: str, margin: int, width: int) -> Iterator[str]:
    """The horizontal axis: its line, and the numbers under its ticks, with its name at the end."""
    line, numbers = list("─" * width), [" "] * width
    free, end = 0, width - len(name) - 1
    for at, words in xs.ticks:
        column = _column(at, xs, width)
        begin = min(max(column - len(words) // 2, 0), width - len(words))
        if begin >= free and begin + len(words) <= end:
            line[column] = "┬"
            numbers[begin : begin + len(words)] = words
            free = begin + len(words) + 2
    numbers[width - len(name) :] = name
    yield f"{' ' * margin}└{''.join(line)}"
    yield f"{' ' * margin} {''.join(numbers)}"


def _marked(marks: Sequence[Mark], xs: Scale, margin: int, width: int) -> Iterator[str]:
    """A row with their signs, and what each kind is; those that are rare are told one by one."""
    shown = [mark for mark in marks if xs.low <= mark.x <= xs.high]
    if not shown:
        return
    row = [" "] * width
    kinds: dict[str, list[Mark]] = {}
    for mark in sorted(shown, key=lambda mark: mark.sign == "·"):
        kinds.setdefault(mark.sign, []).append(mark)
        column = _column(mark.x, xs, width)
        row[column] = mark.sign if row[column] == " " else row[column]
    yield f"{' ' * margin} {''.join(row)}"
    for sign, alike in kinds.items():
        for mark in alike if len(alike) <= _MARKS_TOLD else ():
            yield f"{' ' * margin} {sign} {harmless(mark.text)}"
        if len(alike) > _MARKS_TOLD:
            yield f"{' ' * margin} {sign} {len(alike)} times, last: {harmless(alike[-1].text)}"


def _column(x: float, xs: Scale, width: int) -> int:
    return min(int((x - xs.low) / (xs.high - xs.low) * (width - 0.5)), width - 1)


def _key(number: int, *, colour: bool, lone: bool) -> str:
    """What a curve is drawn with."""
    import plotille

    if colour:
        return str(plotille.color("──", fg=_COLOURS[number % len(_COLOURS)]))
    return "──" if lone else _LETTERS[number % len(_LETTERS)]
