"""Curves as a chart: in a terminal (plotille), or as a picture (matplotlib).

plotille is pure Python and needs nothing; matplotlib comes with the extra `plot`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import LauncherError, SpecError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float]
_COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue", "white")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FRAME = 15
"""Columns that the vertical axis takes."""


@dataclass(frozen=True)
class Curve:
    """Points with growing x. A value that is no number leaves a gap."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Axes:
    """What stands at the axes."""

    x: str
    y: str


def in_terminal(
    curves: Sequence[Curve], axes: Axes, *, columns: int, rows: int = 14, colour: bool
) -> str:
    """The chart as text; without colours each curve is drawn with a letter of its own.

    Args:
        curves: in the order of their letters or colours.
        axes: their names.
        columns: of the whole text.
        colour: whether the terminal shows colours.
        rows: of the canvas; the axes and one line a curve come on top.
    """
    import plotille

    pieces = [(curve, list(_pieces(thinned(curve.points, 2 * columns)))) for curve in curves]
    everything = [point for _, found in pieces for piece in found for point in piece]
    if not everything:
        return f"no numbers of {axes.y} to draw"
    figure = plotille.Figure()
    figure.width, figure.height = max(columns - _FRAME, 20), rows
    figure.with_colors, figure.color_mode = colour, "names"
    figure.x_label, figure.y_label = axes.x, axes.y
    low, high = _limits(y for _, y in everything)
    figure.set_y_limits(low, high)
    figure.set_x_limits(*_limits(x for x, _ in everything))
    figure.x_ticks_fkt = figure.y_ticks_fkt = _tick
    lone = len(curves) == 1
    for number, (_, found) in enumerate(pieces):
        marker = None if colour or lone else _LETTERS[number % len(_LETTERS)]
        lc = _COLOURS[number % len(_COLOURS)] if colour else None
        for piece in found:
            xs, ys = zip(*piece, strict=True)
            figure.plot(xs, ys, lc=lc, marker=marker)
    names = [
        f"  {_key(number, colour=colour, lone=lone)} {curve.label}"
        for number, curve in enumerate(curves)
    ]
    text = figure.show().replace("\u2800", " ")  # braille of no dots, which no `rstrip` takes
    drawn = "\n".join(line.rstrip() for line in text.splitlines())
    return "\n".join([drawn, *names])


def as_png(curves: Sequence[Curve], axes: Axes, file: Path) -> None:
    """Write the chart as a picture; its kind is the file's ending: .png, .svg, .pdf.

    Raises:
        LauncherError: matplotlib is not installed, or the file cannot be written.
    """
    figure = picture(9, 5, otherwise="without a file the chart is drawn in the terminal")
    plot = figure.add_subplot(xlabel=axes.x, ylabel=axes.y)
    for curve in curves:
        xs, ys = zip(*curve.points, strict=True) if curve.points else ((), ())
        plot.plot(xs, ys, label=curve.label, linewidth=1.2)
    plot.grid(visible=True, alpha=0.3)
    if len(curves) > 1:
        plot.legend(frameon=False)
    else:
        plot.set_title(curves[0].label)
    write(figure, file)


def picture(width: float, height: float, *, otherwise: str) -> Figure:
    """An empty one, of so many inches.

    Args:
        width: of it.
        height: of it.
        otherwise: what the user may do without matplotlib.

    Raises:
        LauncherError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LauncherError(
            "a picture needs matplotlib, which is not installed here",
            hint=f"pip install matplotlib; {otherwise}",
        ) from error
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def write(figure: Figure, file: Path | str) -> None:
    """A picture into a file, whose ending says which kind.

    Raises:
        LauncherError: the file cannot be written.
    """
    try:
        figure.savefig(file)
    except ValueError as error:
        raise SpecError(f"{file}: {error}", hint="name a .png, .svg or .pdf file") from error
    except OSError as error:
        raise LauncherError(f"{file} cannot be written: {error.strerror}") from error


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """About `most` points at most, with the lowest and the highest of each stretch: peaks stay.

    >>> thinned([(0, 1.0), (1, 9.0), (2, 1.0), (3, 2.0), (4, 0.0), (5, 2.0)], 4)
    [(0, 1.0), (1, 9.0), (3, 2.0), (4, 0.0)]
    """
    if len(points) <= most:
        return list(points)
    count = max(most // 2, 1)
    edges = [len(points) * part // count for part in range(count + 1)]
    kept: list[Point] = []
    for begin, end in pairwise(edges):
        stretch = points[begin:end]
        known = [point for point in stretch if math.isfinite(point[1])]
        if not known:
            kept.append(stretch[0])
            continue
        ends = {min(known, key=lambda point: point[1]), max(known, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def _pieces(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Runs of numbers, between values that are none."""
    piece: list[Point] = []
    for point in points:
        if math.isfinite(point[1]):
            piece.append(point)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _limits(values: Iterable[float]) -> tuple[float, float]:
    """From the lowest to the highest; something around a single value."""
    known = list(values)
    low, high = min(known), max(known)
    if low == high:
        room = abs(low) / 10 or 1.0
        return low - room, high + room
    return low, high


def _tick(value: float, _: object) -> str:
    return f"{value:.4g}"


def _key(number: int, *, colour: bool, lone: bool) -> str:
    """What a curve is drawn with."""
    import plotille

    if colour:
        return str(plotille.color("──", fg=_COLOURS[number % len(_COLOURS)]))
    return "──" if lone else _LETTERS[number % len(_LETTERS)]
