"""What came of a job, in the words of its last lines on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from launcher.cli import _output, _words
from launcher.client import Client
from launcher.errors import LauncherError
from launcher.units import format_duration, format_size
from launcher.views import AttemptView, JobView, Memory, RankExitView

_TAIL_LINES = 12


def tell(client: Client, job: JobView) -> None:
    """Tells the outcome on stderr."""
    _output.note("")
    _output.note(headline(job))
    if job.state == "FAILED":
        for line in _failure(job):
            _output.note(f"  {line}")
    for label, text in _facts(job):
        _output.note(f"  {_output.paint(label.ljust(12), 'dim', err=True)}{text}")
    with contextlib.suppress(LauncherError):  # a last courtesy, no reason to fail
        server = client.server()
        if server.embedded:
            _output.note(f"  {_output.paint(left_running(server.memory), 'dim', err=True)}")


def tell_next(job: str, *, cancel: bool = False) -> None:
    """How to come back to a job, and how to end it."""
    _output.note(f"  follow: launcher logs {job} -f")
    _output.note(f"  cancel: launcher cancel {job}" if cancel else f"  look:   launcher show {job}")


def headline(job: JobView) -> str:
    """`digits-k3m9ap SUCCEEDED after 1m20s`, with the reason when it did not succeed."""
    lasted = ""
    if job.ended_at is not None:
        lasted = f" after {format_duration(max(job.ended_at - job.submitted_at, 0.0))}"
    reason = f": {job.reason}" if job.reason and job.state != "SUCCEEDED" else ""
    state = _output.paint_state(job.state, err=True)
    return f"{_output.paint(job.id, 'bold', err=True)} {state}{lasted}{reason}"


def left_running(memory: Memory | None) -> str:
    """What stays of the embedded processes, and how to end them."""
    known = [memory.server, memory.executor, memory.ray] if memory else []
    total = sum(part for part in known if part is not None)
    size = f" ({format_size(total)})" if total else ""
    return f"left running: server and Ray{size}; launcher down stops them"


def _facts(job: JobView) -> Iterator[tuple[str, str]]:
    if job.latest:
        yield "metrics", _words.latest(job, limit=6)
    attempts = sorted(job.attempts, key=lambda attempt: attempt.number)
    if len(attempts) > 1:
        for attempt in attempts:
            yield f"attempt {attempt.number}", _attempt(attempt)
    saved = job.checkpoints
    if saved.count:
        count = _words.plural(saved.count, "checkpoint")
        yield "checkpoints", f"{count}, the newest of step {saved.newest_step}"
        yield "", f"launcher checkpoints get {job.id}"
    yield "logs", f"launcher logs {job.id}"
    if job.latest:
        yield "curves", f"launcher metrics {job.id}"
    if job.page:
        yield "page", job.page


def _attempt(attempt: AttemptView) -> str:
    words = _words.attempt_words(attempt)
    if attempt.resume_step is not None:
        words += f" (resumed from step {attempt.resume_step})"
    return words


def _failure(job: JobView) -> Iterator[str]:
    """The rank that failed first, what it said last, and what to do next."""
    attempt = job.attempt
    failed = _first_failing(attempt) if attempt else None
    if failed is not None:
        yield f"rank {failed.rank} failed first ({_words.exit_words(failed.code)})" + (
            "; its last lines:" if failed.tail.strip() else ""
        )
        for line in failed.tail.rstrip().splitlines()[-_TAIL_LINES:]:
            yield f"  {_output.paint('│', 'dim', err=True)} {line}"
    rank = f" --rank {failed.rank}" if failed is not None else ""
    again = "goes on from its newest checkpoint" if job.checkpoints.count else "begins anew"
    steps = {
        f"launcher logs {job.id}{rank}": "all of its output",
        f"launcher retry {job.id}": again,
    }
    width = max(map(len, steps))
    for number, (command, words) in enumerate(steps.items()):
        yield f"{'next: ' if not number else '      '}{command.ljust(width)}  {words}"


def _first_failing(attempt: AttemptView) -> RankExitView | None:
    for exit_ in attempt.exits:
        if exit_.rank == attempt.first_failing:
            return exit_
    return None
