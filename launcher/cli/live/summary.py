"""What came of a job, in the words of its last lines on the terminal."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator

from launcher.cli import _output, _words
from launcher.cli.live.lines import visible
from launcher.client import Client
from launcher.errors import LauncherError
from launcher.units import format_duration, format_size
from launcher.views import AttemptView, JobView, RankExitView
from launcher.views_measured import Memory

_TAIL_LINES = 12
_LABEL = 14


def tell(client: Client, job: JobView) -> None:
    """Tells the outcome on stderr."""
    _output.note(f"\n{headline(job)}")
    failed = _first_failing(job) if job.state == "FAILED" else None
    if failed is not None:
        _tell_last_words(failed)
    for label, text in _facts(job):
        _output.note(f"  {_output.paint(label.ljust(_LABEL), 'dim', err=True)}{text}")
    if job.state == "FAILED":
        _tell_ways_on(job, failed)
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
    memory = memory or Memory()
    total = memory.always + (memory.preloaded or 0)
    size = f" ({format_size(total)})" if total else ""
    what = "server, Ray and preloaded interpreters" if memory.preloaded else "server and Ray"
    return f"left running: {what}{size}; launcher down stops them"


def _facts(job: JobView) -> Iterator[tuple[str, str]]:
    for warning in job.warnings:
        yield "warning", warning
    if job.latest:
        yield "metrics", _words.latest(job, limit=6)
    if len(job.attempts) > 1:
        yield from _attempts(job)
    saved = job.checkpoints
    if saved.count:
        yield "checkpoints", f"{saved.count}, the newest of step {saved.newest_step}"
        yield "", f"launcher checkpoints get {job.id}"
    if job.outputs.files:
        yield "outputs", _words.outputs(job.outputs)
        yield "", f"launcher outputs {job.id} get"
    if job.state != "FAILED":
        yield "logs", f"launcher logs {job.id}"
    if job.latest:
        yield "curves", f"launcher plot {job.id}"
    if job.page:
        yield "page", job.page


def _attempts(job: JobView) -> Iterator[tuple[str, str]]:
    """A line each, those that went alike in a row together."""
    ordered = sorted(job.attempts, key=lambda attempt: attempt.number)
    for words, alike in itertools.groupby(ordered, key=_attempt):
        numbers = [attempt.number for attempt in alike]
        last = f"-{numbers[-1]}" if len(numbers) > 1 else ""
        yield f"attempt {numbers[0]}{last}", words


def _attempt(attempt: AttemptView) -> str:
    words = _words.attempt_words(attempt)
    if attempt.resume_step is not None:
        words += f" (resumed from step {attempt.resume_step})"
    return words


def _first_failing(job: JobView) -> RankExitView | None:
    attempt = job.attempt
    exits = attempt.exits if attempt else ()
    return next((one for one in exits if attempt and one.rank == attempt.first_failing), None)


def _tell_last_words(failed: RankExitView) -> None:
    """The rank that failed first, and what it said last."""
    tail = failed.tail.rstrip().splitlines()[-_TAIL_LINES:]
    words = f"rank {failed.rank} failed first ({_words.exit_words(failed.code)})"
    _output.note(f"  {words}{'; its last lines:' if tail else ''}")
    for line in tail:
        bar = _output.paint("│", "dim", err=True)
        _output.note(f"  {bar} {visible(line.encode())}")


def _was_being_set_up(job: JobView) -> bool:
    ending = job.attempt.ending if job.attempt else None
    python = (job.spec or {}).get("python") or {}
    return ending == "SETUP_FAILED" and bool(python.get("requirements"))


def _tell_of_packages(job: JobView, failed: RankExitView) -> None:
    """A module that its python has not: which python that was, and how to give it more."""
    missing = re.search(r"ModuleNotFoundError: No module named '(\w+)", failed.tail)
    if missing is None:
        return
    python = ((job.spec or {}).get("python") or {}).get("interpreter") or "the cluster's own python"
    start = _output.paint("packages".ljust(_LABEL), "dim", err=True)
    ways = f"python: {{interpreter: PATH}} or {{requirements: [{missing[1]}]}} in the spec"
    _output.note(f"  {start}it ran with {python}; {ways}")


def _tell_ways_on(job: JobView, failed: RankExitView | None) -> None:
    if failed is not None:
        look, shows = f"launcher logs {job.id} --rank {failed.rank}", "all it printed"
    elif _was_being_set_up(job):
        look, shows = f"launcher logs {job.id} --setup", "how its environment was being made"
    else:
        look, shows = f"launcher events {job.id}", "what happened, and when"
    again = "goes on from its newest checkpoint" if job.checkpoints.count else "begins anew"
    if failed is not None:
        _tell_of_packages(job, failed)
    ways = {look: shows, f"launcher retry {job.id}": again}
    width = max(map(len, ways))
    for label, (command, words) in zip(("next", ""), ways.items(), strict=True):
        start = _output.paint(label.ljust(_LABEL), "dim", err=True)
        _output.note(f"  {start}{command.ljust(width)}  {words}")
