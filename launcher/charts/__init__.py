"""Curves as charts: in a terminal (plotille), as a picture (matplotlib), inside a page (SVG).

plotille is pure Python and needs nothing; matplotlib comes with the extra `plot`.
"""

from launcher.charts.curve import Axes, Chart, Curve, Mark, thinned
from launcher.charts.inline import as_svg
from launcher.charts.picture import as_png, draw, picture, write
from launcher.charts.terminal import in_terminal

__all__ = [
    "Axes",
    "Chart",
    "Curve",
    "Mark",
    "as_png",
    "as_svg",
    "draw",
    "in_terminal",
    "picture",
    "thinned",
    "write",
]
