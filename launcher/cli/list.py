"""`launcher list`: jobs, newest first."""

from __future__ import annotations

import time

import click

from launcher.cli import _output, _words
from launcher.cli._options import NAME_TYPE, connect, output_option
from launcher.model.states import JobState
from launcher.units import format_duration
from launcher.views import JobView, as_json

_IN_WORDS = (
    JobState.RUNNING,
    JobState.STARTING,
    JobState.SETUP,
    JobState.CANCELLING,
    JobState.QUEUED,
    JobState.HELD,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.SUCCEEDED,
)
"""An array is shown in the first of these that one of its jobs is in."""


@click.command("list")
@click.option(
    "-s",
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in JobState], case_sensitive=False),
    help="Only jobs in this state; may be repeated.",
)
@click.option("-p", "--project", type=NAME_TYPE, help="Only jobs of this project.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most."
)
@click.option("--elements", is_flag=True, help="Each job of an array, as JSON has them anyway.")
@output_option()
def command(
    *, states: tuple[str, ...], project: str | None, limit: int, elements: bool, output: str
) -> None:
    """Jobs, newest first; an array in one line."""
    fold = not elements and output != "json"
    jobs = connect().jobs(states, project=project, limit=limit, fold=fold)
    if output == "json":
        _output.print_json(as_json(jobs))
    elif jobs:
        rows = [_row(job, time.time()) for job in jobs]
        _output.print_table(["JOB", "STATE", "PROGRESS", "TAKES", "AGE", "NOTE"], rows)
        if len(jobs) == limit:
            _output.note(f"the {limit} newest are shown; --limit shows more")
    else:
        _output.note("no jobs" + (" like that" if states or project else ": launcher run job.yaml"))


def _row(job: JobView, now: float) -> list[str]:
    age = _words.ago(job.submitted_at, now)
    if job.elements:
        count = _words.plural(sum(job.elements.values()), "job")
        each = f"{_words.gang(job)} each"
        return [job.array_id, _most_alive(job.elements), count, each, age, _states(job.elements)]
    return [job.id, job.state, _words.steps(job.progress), _words.gang(job), age, _note(job)]


def _most_alive(states: dict[str, int]) -> str:
    return next(state.value for state in _IN_WORDS if states.get(state.value))


def _states(states: dict[str, int]) -> str:
    """How many are in which state.

    >>> _states({"QUEUED": 5, "RUNNING": 2})
    '2 running, 5 queued'
    """
    shown = {state.value: states.get(state.value, 0) for state in _IN_WORDS}
    return ", ".join(f"{count} {state.lower()}" for state, count in shown.items() if count)


def _note(job: JobView) -> str:
    if job.state == JobState.SUCCEEDED.value or not job.reason:
        eta = job.progress.eta_s if job.progress and not job.is_over else None
        left = [f"{format_duration(eta // 1)} left"] if eta is not None else []
        return "  ".join(part for part in [*left, _words.latest(job)] if part)
    says_when = "it starts" in job.reason
    starts_at = None if says_when else job.starts_at
    return _words.standing(job.position, starts_at, time.time()) + job.reason
