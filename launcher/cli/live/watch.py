"""Follows a job: messages come on a thread of their own, the view is fed and drawn on this one."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence

from launcher.cli import _output
from launcher.cli._main import INTERRUPTED
from launcher.cli.live import summary
from launcher.cli.live.board import Board
from launcher.cli.live.lines import LineCutter
from launcher.cli.live.views import LiveView, PlainView, TerminalView, is_terminal
from launcher.client import Client
from launcher.errors import JobCancelledError, JobFailedError
from launcher.follow import Ended, LogChunk, Message
from launcher.units import format_size
from launcher.views import CheckpointView, EventView, JobView

_TICK_S = 0.1
_AHEAD = 200
"""Messages that may wait to be shown; then the server waits."""
_EXIT_CODES = {
    "SUCCEEDED": 0,
    "FAILED": JobFailedError.exit_code,
    "CANCELLED": JobCancelledError.exit_code,
}


def to_the_end(client: Client, job: JobView) -> int:
    """Follows a job, tells its outcome and gives the exit code of it."""
    view = _view(job, labelled=job.workers > 1, grep=None)
    board = Board(job)
    try:
        _Watch(view, board).run(client.follow(job.id))
        job = client.job(job.id)
    except KeyboardInterrupt:
        _detached(board.job)
        return INTERRUPTED
    summary.tell(client, job)
    return _EXIT_CODES.get(job.state, 1)


def logs(
    client: Client,
    job: JobView,
    *,
    ranks: Sequence[int],
    attempt: int | None,
    tail: int | None,
    grep: re.Pattern[bytes] | None,
    raw: bool = False,
    stream: str = "log",
) -> int:
    """Shows the output of a job as it comes, until the job ends. `raw`: byte for byte."""
    several = job.workers > 1 and len(ranks) != 1
    view: LiveView = PlainView(labelled=several, grep=grep, quiet=True, raw=raw)
    if is_terminal() and not raw:
        view = TerminalView(job.id, labelled=several, grep=grep)
    board = Board(job)
    newest = job.attempt.number if job.attempt else 1
    wanted = range(attempt, attempt + 1) if attempt is not None else range(newest, 10**9)
    chosen = ",".join(map(str, ranks)) or "all"
    try:
        messages = client.follow(job.id, logs=chosen, stream=stream, tail=tail)
        _Watch(view, board, wanted).run(messages)
    except KeyboardInterrupt:
        _detached(board.job)
        return INTERRUPTED
    _output.note(summary.headline(board.job))
    return 0


class _Watch:
    """Feeds a view with the messages of a job."""

    def __init__(self, view: LiveView, board: Board, attempts: range = range(1, 10**9)) -> None:
        self._view = view
        self._board = board
        self._attempts = attempts
        self._cutters: dict[tuple[int, int], LineCutter] = {}

    def run(self, messages: Iterator[Message]) -> None:
        """Until the job's last message. The view is closed in any case."""
        drawn = 0.0
        try:
            for message in _pumped(messages):
                if message is not None:
                    self._take(message)
                if time.monotonic() - drawn >= _TICK_S:
                    self._view.refresh(self._board, self._drawing())
                    drawn = time.monotonic()
            self._view.refresh(self._board, b"")
        finally:
            self._view.close()

    def _take(self, message: Message) -> None:
        self._board.take(message)
        if isinstance(message, LogChunk):
            if message.attempt in self._attempts:
                self._take_output(message)
        elif isinstance(message, CheckpointView):
            size = format_size(message.size)
            self._view.note(f"checkpoint at step {message.step} committed ({size})")
        elif isinstance(message, EventView) and message.kind != "checkpoint":
            warning = "warning: " if message.kind == "warning" else ""
            self._view.note(f"{warning}{message.text}")
        elif isinstance(message, Ended):
            self._end_lines()

    def _take_output(self, chunk: LogChunk) -> None:
        cutter = self._cutters.setdefault((chunk.attempt, chunk.rank), LineCutter())
        self._view.chunk(chunk.rank, chunk.data)
        lines = cutter.feed(chunk.data)
        if lines:
            self._view.lines(chunk.rank, lines)

    def _end_lines(self) -> None:
        """What was printed last without an end of line is shown too."""
        for (_, rank), cutter in sorted(self._cutters.items()):
            if cutter.rest:
                self._view.lines(rank, [cutter.rest])

    def _drawing(self) -> bytes:
        """The unfinished line of the lowest rank of the newest attempt."""
        unfinished = [key for key, cutter in self._cutters.items() if cutter.rest]
        if not unfinished:
            return b""
        key = min(unfinished, key=lambda key: (-key[0], key[1]))
        return self._cutters[key].rest


def _view(job: JobView, *, labelled: bool, grep: re.Pattern[bytes] | None) -> LiveView:
    if is_terminal():
        return TerminalView(job.id, labelled=labelled, grep=grep)
    return PlainView(labelled=labelled, grep=grep, quiet=False)


def _pumped(messages: Iterator[Message]) -> Iterator[Message | None]:
    """The messages, and None whenever none came for a tick, so that the view stays alive."""
    waiting: queue.Queue[Message | BaseException | None] = queue.Queue(maxsize=_AHEAD)

    def pump() -> None:
        try:
            for message in messages:
                waiting.put(message)
            waiting.put(None)
        except BaseException as error:  # carried to the thread that shows it
            waiting.put(error)

    threading.Thread(target=pump, name="follow", daemon=True).start()
    while True:
        try:
            item = waiting.get(timeout=_TICK_S)
        except queue.Empty:
            yield None
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        yield item


def _detached(job: JobView) -> None:
    _output.note(f"\ndetached: {job.id} goes on without this terminal")
    summary.tell_next(job.id, cancel=True)
