"""Charts of `launcher plot` on a terminal, in a pipe, as a picture, as JSON."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.charts import draw, in_terminal
from launcher.cli import _output, _words
from launcher.cli.live.views import is_terminal
from launcher.errors import UnreachableError
from launcher.model.harmless import harmless
from launcher.plots import as_data, told_names

if TYPE_CHECKING:
    from launcher.api.plotting import Plot
    from launcher.client import Client
    from launcher.plots import Wish
    from launcher.views import JobView

_EVERY_S = 2.0
_PIPE_COLUMNS, _PIPE_ROWS = 80, 14
_ROWS, _LEAST_ROWS = 20, 5
_AROUND = 5
"""Lines that a chart has beside its canvas."""


def show(plot: Plot, jobs: Sequence[JobView], wish: Wish, output: str | Path) -> None:
    """Once."""
    if output == "json":
        ids = [job.id for job in jobs]
        _output.print_json({"jobs": ids, **as_data(plot.charts, wish.x), "others": plot.others})
    elif not plot.charts:
        _output.note(_nothing(jobs))
    elif isinstance(output, Path):
        draw(plot.charts, output)
        _output.note(f"{_drawn(plot)} drawn in {output}{_others(plot)}")
    else:
        print(_as_text(plot, _columns(), _rows(plot)))
        if plot.others and not wish.names:
            _output.note(
                _output.paint(f"other metrics: {told_names(plot.others)}", "dim", err=True)
            )


def follow(client: Client, jobs: Sequence[JobView], wish: Wish, output: str | Path) -> None:
    """Again and again until the jobs have ended; Ctrl-C leaves them running.

    Where nothing can be drawn anew, as in a pipe, once at the end. A picture is written anew.
    """
    last = plot = client.plot_of(jobs, wish)
    if output == "chart" and is_terminal():
        _watch(client, jobs, wish, plot)
        last = client.plot_of(jobs, wish)
    else:
        while any(not client.job(job.id).is_over for job in jobs):
            if isinstance(output, Path) and plot.charts:
                draw(plot.charts, output)
            time.sleep(_EVERY_S)
            plot = client.plot_of(jobs, wish)
        last = client.plot_of(jobs, wish)
    show(last, jobs, wish, output)


def _watch(client: Client, jobs: Sequence[JobView], wish: Wish, plot: Plot) -> None:
    from rich.live import Live
    from rich.text import Text

    shown = list(jobs)

    def screen(away: str) -> Text:
        columns, lines = shutil.get_terminal_size()
        states = "  ".join(
            f"{job.id} {_output.paint_state(job.state)} {_words.steps(job.progress)}"
            for job in shown
        )
        charts = _as_text(plot, columns, _rows(plot, lines - 2)) if plot.charts else _nothing(jobs)
        told = Text.from_ansi("\n".join([away or states, charts]))
        told.no_wrap, told.overflow = True, "crop"
        return told

    with Live(screen(""), screen=True, auto_refresh=False) as live:
        away = ""
        while not all(job.is_over for job in shown):
            live.update(screen(away), refresh=True)
            time.sleep(_EVERY_S)
            try:
                shown = [job if job.is_over else client.job(job.id) for job in shown]
                plot, away = client.plot_of(jobs, wish), ""
            except UnreachableError as error:
                away = str(error)


def _as_text(plot: Plot, columns: int, rows: int) -> str:
    colour = _output.wants_colour()
    return "\n\n".join(
        in_terminal(
            one.curves, one.axes, columns=columns, rows=rows, colour=colour, marks=one.marks
        )
        for one in plot.charts
    )


def _rows(plot: Plot, lines: int = 0) -> int:
    """Of each canvas: so that all charts fit on `lines`; 0: those of the terminal, if it is one."""
    if not lines and not sys.stdout.isatty():
        return _PIPE_ROWS
    lines = lines or shutil.get_terminal_size().lines - 3
    beside = sum(_AROUND + len(one.curves) for one in plot.charts)
    room = (lines - beside) // max(len(plot.charts), 1)
    return min(max(room, _LEAST_ROWS), _ROWS)


def _columns() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_COLUMNS


def _drawn(plot: Plot) -> str:
    metrics = ", ".join(chart.axes.y for chart in plot.charts)
    curves = _words.plural(sum(len(chart.curves) for chart in plot.charts), "curve")
    return harmless(f"{metrics} ({curves})")


def _others(plot: Plot) -> str:
    return harmless(f"; other metrics: {told_names(plot.others)}") if plot.others else ""


def _nothing(jobs: Sequence[JobView]) -> str:
    gone = [words for job in jobs if (words := _words.removed(job, "metrics"))]
    return "; ".join(gone) or (
        "no metrics: launcher.report(step, loss=...) in the program gives some"
    )
