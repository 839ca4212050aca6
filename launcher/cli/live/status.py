"""The sticky lines below the log of a running job, drawn by rich for the terminal's width."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO

from rich.console import Console
from rich.text import Text

from launcher.cli import _words
from launcher.cli.live.board import Board
from launcher.cli.live.lines import visible
from launcher.units import format_duration

_BAR, _SHORT_BAR = 24, 10
_MARGIN = 3
"""Columns left free, so that the ^C which the terminal echoes does not wrap the line."""
_SHOWN_METRICS = 3
_STYLES = {
    "RUNNING": "bold cyan",
    "CANCELLING": "bold yellow",
    "FAILED": "bold red",
    "SUCCEEDED": "bold green",
}


class StatusPainter:
    """Turns a board into at most three painted lines, none wider than the terminal."""

    def __init__(self) -> None:
        self._console = Console(
            file=StringIO(), force_terminal=True, legacy_windows=False, highlight=False
        )

    def paint(self, board: Board, drawing: bytes, *, width: int, now: float) -> list[str]:
        """The lines.

        Args:
            board: what is known of the job.
            drawing: an output line that has not ended, as a progress bar's.
            width: columns of the terminal.
            now: seconds since the epoch.
        """
        lines = [
            _state_line(board, now, width - _MARGIN),
            _metrics_line(board, now, width - _MARGIN),
        ]
        if drawing and (shown := visible(drawing)):
            lines.insert(0, Text.from_ansi(shown))
        return [self._fitted(line, width) for line in lines if line.plain.strip()]

    def _fitted(self, line: Text, width: int) -> str:
        line.truncate(max(width - _MARGIN, 1), overflow="ellipsis")
        with self._console.capture() as captured:
            self._console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
        return captured.get()


def _state_line(board: Board, now: float, width: int) -> Text:
    """The longest way to tell it that has room."""
    ways = (_Way(_BAR, rate=True), _Way(_SHORT_BAR, rate=True), _Way(_SHORT_BAR), _Way(0))
    lines = [_told(board, now, way) for way in ways]
    return next((line for line in lines if line.cell_len <= width), lines[-1])


@dataclass(frozen=True)
class _Way:
    """How progress is told: the columns of its bar, and whether with its rate."""

    bar: int
    rate: bool = False


def _told(board: Board, now: float, way: _Way) -> Text:
    job = board.job
    line = Text(job.state, style=_STYLES.get(job.state, "bold"))
    if board.silent_s is not None:
        line.append(
            f"  the server is silent for {format_duration(board.silent_s // 1)}; trying again, "
            "the job goes on without it",
            style="yellow",
        )
        return line
    attempt = job.attempt
    if attempt is not None and attempt.number > 1:
        line.append(f"  attempt {attempt.number}", style="dim")
    if board.step is not None:
        _append_progress(line, board, way)
    elif job.reason:
        line.append(f"  {job.reason}")
    else:
        line.append(f"  {_words.ago(_since(board), now)}", style="dim")
    return line


def _append_progress(line: Text, board: Board, way: _Way) -> None:
    step, total = board.step or 0, board.total_steps
    if total:
        part = min(step / total, 1.0)
        done = round(part * way.bar)
        line.append("  ").append("━" * done, style="cyan")
        line.append("─" * (way.bar - done), style="dim").append(f"{' ' * bool(way.bar)}{part:.0%}")
        line.append(f"  {step}/{total}")
    else:
        line.append(f"  step {step}")
    rate, eta = board.steps_per_s, board.eta_s
    if eta is not None and not board.job.is_over:
        line.append(f"  {format_duration(eta // 1)} left")
    if rate and way.rate:
        line.append(f"  {_words.number(rate)} steps/s", style="dim")


def _metrics_line(board: Board, now: float, width: int) -> Text:
    """As many metrics as have room beside the checkpoint; the first in any case."""
    saved, end = board.checkpoint, Text()
    if saved is not None:
        when = _words.ago(saved.created_at, now)
        end = Text.assemble(("checkpoint ", "dim"), f"step {saved.step}", (f" {when} ago", "dim"))
    line = Text()
    for name in _words.metric_order(board.curves)[:_SHOWN_METRICS]:
        values = board.curves[name].values
        piece = Text.assemble((f"{name} ", "dim"), _words.number(values[-1]))
        if len(set(values)) > 1:
            piece.append(f" {_words.sparkline(values)}", style="cyan")
        if line and line.cell_len + piece.cell_len + end.cell_len + 4 > width:
            break
        line.append("  " if line else "").append_text(piece)
    return line.append("  " if line and end else "").append_text(end)


def _since(board: Board) -> float:
    attempt = board.job.attempt
    begun = (attempt.started_at or attempt.granted_at) if attempt else None
    return begun or board.job.submitted_at
