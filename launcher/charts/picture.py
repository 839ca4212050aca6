"""Charts as pictures, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.charts.curve import Axes, Chart, Curve
from launcher.errors import LauncherError, SpecError
from launcher.units import format_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".pdf")
_LARGEST_LEGEND = 12


def as_png(curves: Sequence[Curve], axes: Axes, file: Path) -> None:
    """Write one chart as a picture; its kind is the file's ending: .png, .svg, .pdf.

    Raises:
        LauncherError: matplotlib is not installed, or the file cannot be written.
    """
    draw([Chart(axes, tuple(curves))], file)


def draw(charts: Sequence[Chart], file: Path) -> None:
    """Write charts below each other as one picture; its kind is the file's ending.

    Raises:
        LauncherError: matplotlib is not installed, or the file cannot be written.
    """
    count = max(len(charts), 1)
    figure = picture(
        9, 1 + 4 * count, otherwise="without a file the chart is drawn in the terminal"
    )
    for number, chart in enumerate(charts, 1):
        _draw(chart, figure.add_subplot(count, 1, number))
    write(figure, file)


def _draw(chart: Chart, plot: Plot) -> None:
    plot.set_xlabel(chart.axes.x)
    plot.set_ylabel(chart.axes.y)
    if chart.axes.log:
        plot.set_yscale("log")
    if chart.axes.seconds:
        plot.xaxis.set_major_formatter(lambda seconds, _: format_duration(round(max(seconds, 0))))
    for curve in chart.curves:
        xs, ys = zip(*curve.points, strict=True) if curve.points else ((), ())
        marker = "." if len(curve.points) == 1 else ""
        plot.plot(xs, ys, label=_plain(curve.label), linewidth=1.2, marker=marker)
    for mark in chart.marks:
        style = {"linestyle": ":", "alpha": 0.3} if mark.sign == "·" else {"linestyle": "--"}
        plot.axvline(mark.x, color="gray", linewidth=0.8, **style)
        if mark.sign != "·":
            top = plot.get_xaxis_transform()
            plot.text(mark.x, 1.01, _plain(mark.text), transform=top, fontsize=6, color="gray")
    plot.grid(visible=True, alpha=0.3)
    if 1 < len(chart.curves) <= _LARGEST_LEGEND:
        plot.legend(frameon=False)
    elif len(chart.curves) == 1:
        plot.set_title(_plain(chart.curves[0].label), pad=14)


def _plain(text: str) -> str:
    """A user's words: a dollar begins no formula, and an underscore hides no label."""
    return text.replace("$", r"\$").lstrip("_") or text


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
