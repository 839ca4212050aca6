"""`launcher cancel JOB…`: end jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

import click

from launcher.cli import _completing, _outcomes, _output, _words
from launcher.cli._options import FILLED, NAME_TYPE, connect, output_option, yes_option
from launcher.errors import SpecError
from launcher.model.states import TERMINAL, JobState
from launcher.views import Outcome, Unended

_STATES = [state.value for state in JobState if state not in TERMINAL]
_OVER = frozenset(state.value for state in TERMINAL)
_SHOWN = 10


@click.command(epilog="\b\n  launcher cancel digits-k3m9ap\n  launcher cancel -s queued -u anna")
@click.argument("jobs", metavar="[JOB...]", nargs=-1, shell_complete=_completing.jobs)
@click.option("--now", is_flag=True, help="Kill at once: no time to save a checkpoint.")
@click.option(
    "-s",
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_STATES, case_sensitive=False),
    help="All jobs in this state; may be repeated.",
)
@click.option("-p", "--project", type=NAME_TYPE, help="All jobs of this project.")
@click.option("-u", "--user", type=FILLED, help="All jobs of this user.")
@click.option("--all", "everything", is_flag=True, help="All jobs of everybody.")
@yes_option
@output_option()
def command(
    *,
    jobs: tuple[str, ...],
    now: bool,
    states: tuple[str, ...],
    project: str | None,
    user: str | None,
    everything: bool,
    yes: bool,
    output: str,
) -> None:
    """End jobs. A running one may save first, for as long as its timeouts.grace.

    JOB may be an array: all its elements. Without JOB the options choose among the jobs that have
    not ended, each option fewer of them, and you are asked before anything is done.
    """
    chosen = bool(states or project or user)
    if jobs and (chosen or everything):
        raise SpecError(
            "JOB and options that choose jobs stand together",
            hint="name jobs, or choose them by --state, --project, --user or --all",
        )
    if not (jobs or chosen or everything):
        _miss()
    client = connect()
    names: Sequence[str] = jobs
    if not jobs:
        found = client.unended(states, project=project, user=user)
        if not found:
            _output.note("no job like that waits or runs")
        elif not yes:
            _ask(found)
        names = [job.id for job in found]
    outcomes = client.cancel_all(names, force=now) if names else []
    _outcomes.tell(outcomes, output, lambda one: _note(one, now=now))


def _miss() -> NoReturn:
    raise click.MissingParameter(
        ctx=click.get_current_context(), param=click.get_current_context().command.params[0]
    )


def _ask(found: Sequence[Unended]) -> None:
    """How many of what would be ended.

    Raises:
        click.Abort: no.
    """
    for job in found[:_SHOWN]:
        _output.note(f"{job.id}  {job.state}  {job.project}  {job.user}")
    if found[_SHOWN:]:
        _output.note(f"… and {len(found) - _SHOWN} more")
    parts = [
        f"{count:,} {state.lower()}" for state, count in Counter(j.state for j in found).items()
    ]
    users, projects = ({getattr(job, name) for job in found} for name in ("user", "project"))
    whose = f"of {_one_or_count(users, 'user')}, project {_one_or_count(projects, 'project')}"
    what = _words.plural(len(found), "job")
    click.confirm(f"cancel {what} {whose} ({', '.join(parts)})?", abort=True, err=True)


def _one_or_count(names: set[str], noun: str) -> str:
    return next(iter(names)) if len(names) == 1 else f"{len(names)} {noun}s"


def _note(one: Outcome, *, now: bool) -> str:
    if one.before == one.state and one.state in _OVER:
        return f"{one.job} had ended before"
    if one.state == JobState.CANCELLING.value and not now:
        return f"it may save first; at once: launcher cancel {one.job} --now"
    return ""
