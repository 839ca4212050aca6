"""A chart as SVG inside a page, as notebooks show it: no script, no file, the page's colours."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from launcher.charts.curve import Chart, Point, Scale, drawn, pieces, scale, thinned

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 24, 36
_LINE = 18
_COLOURS = ("#0b7285", "#e8590c", "#862e9c", "#2b8a3e", "#c92a2a", "#1864ab", "#5c5f66")


def as_svg(chart: Chart) -> str:
    """The chart. Everything that users wrote in it is escaped."""
    found = [
        list(pieces(thinned(drawn(curve, log=chart.axes.log).points, 2 * _WIDTH)))
        for curve in chart.curves
    ]
    everything = [point for each in found for piece in each for point in piece]
    if not everything:
        return f"<p>no numbers of {escape(chart.axes.y)} to draw</p>"
    xs = scale((x for x, _ in everything), 8, seconds=chart.axes.seconds)
    ys = scale((y for _, y in everything), 6, log=chart.axes.log)
    height = _HEIGHT + _LINE * len(chart.curves)
    frame = _Frame(xs, ys)
    body = [*frame.axes(chart), *frame.marks(chart)]
    for number, each in enumerate(found):
        colour = _COLOURS[number % len(_COLOURS)]
        body += [frame.line(piece, colour) for piece in each]
        body += _legend(number, colour, chart.curves[number].label)
    words = escape(f"{chart.axes.y} over {chart.axes.x}", quote=True)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{words}" '
        'font-family="sans-serif" font-size="11" fill="currentColor">'
    )
    return "\n".join([head, *body, "</svg>"])


class _Frame:
    """Where numbers lie on the picture."""

    def __init__(self, xs: Scale, ys: Scale) -> None:
        self._xs, self._ys = xs, ys

    def x(self, value: float) -> float:
        part = (value - self._xs.low) / (self._xs.high - self._xs.low)
        return round(_LEFT + part * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        part = (value - self._ys.low) / (self._ys.high - self._ys.low)
        return round(_HEIGHT - _BOTTOM - part * (_HEIGHT - _TOP - _BOTTOM), 1)

    def axes(self, chart: Chart) -> Iterator[str]:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        grid = 'stroke="currentColor" stroke-opacity="0.15"'
        for at, words in self._ys.ticks:
            y = self.y(at)
            yield f'<line x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}" {grid}/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{words}</text>'
        for at, words in self._xs.ticks:
            x = self.x(at)
            yield f'<line x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}" {grid}/>'
            yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{words}</text>'
        name = f"{chart.axes.y}{' (log)' * chart.axes.log}"
        yield f'<text x="{_LEFT}" y="14" font-weight="bold">{escape(name)}</text>'
        yield f'<text x="{right}" y="{_HEIGHT - 6}" text-anchor="end">{escape(chart.axes.x)}</text>'

    def marks(self, chart: Chart) -> Iterator[str]:
        """As lines, whose words a pointer above them shows."""
        for mark in chart.marks:
            if self._xs.low <= mark.x <= self._xs.high:
                x, dash = self.x(mark.x), "1 4" if mark.sign == "·" else "4 3"
                yield (
                    f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
                    f'stroke="currentColor" stroke-opacity="0.5" stroke-dasharray="{dash}">'
                    f"<title>{escape(mark.text)}</title></line>"
                )

    def line(self, piece: list[Point], colour: str) -> str:
        if len(piece) == 1:
            x, y = piece[0]
            return f'<circle cx="{self.x(x)}" cy="{self.y(y)}" r="2.5" fill="{colour}"/>'
        points = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in piece)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _legend(number: int, colour: str, label: str) -> list[str]:
    y = _HEIGHT + _LINE * number + 8
    style = f'stroke="{colour}" stroke-width="2"'
    return [
        f'<line x1="{_LEFT}" x2="{_LEFT + 18}" y1="{y}" y2="{y}" {style}/>',
        f'<text x="{_LEFT + 24}" y="{y + 4}">{escape(label)}</text>',
    ]
