"""Jobs that a command is for: named, or chosen by what they are, which is asked about first."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from launcher.cli import _completing, _output, _words
from launcher.cli._options import FILLED, NAME_TYPE, yes_option
from launcher.client import Client
from launcher.errors import SpecError
from launcher.views import Unended

_SHOWN = 10

Decorator = Callable[[Any], Any]


@dataclass(frozen=True)
class Chosen:
    """What somebody wrote: names, or what the jobs have in common."""

    jobs: tuple[str, ...]
    states: tuple[str, ...]
    project: str | None
    user: str | None
    everything: bool
    yes: bool

    def names(self, client: Client, verb: str, states: Sequence[str], none: str) -> Sequence[str]:
        """The jobs to name to the server.

        Args:
            client: asks for those that are chosen.
            verb: what is done to them, for the question.
            states: of the jobs that can be chosen, where none was written; empty: all.
            none: what to say when there is no such job.

        Raises:
            click.Abort: the answer was no.
        """
        if self.jobs:
            return self.jobs
        wanted = self.states or states
        found = client.unended(wanted, project=self.project, user=self.user)
        if not found:
            _output.note(none)
        elif not self.yes:
            _ask(verb, found)
        return [job.id for job in found]


def choosing(*, owns: str, states: Sequence[str] = ()) -> Decorator:
    """JOB and the options that choose jobs; the command gets them as `chosen`.

    Args:
        owns: what `--all` and the other options choose among, as "jobs that wait".
        states: what `--state` may say; empty: there is no such option.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def called(
            *,
            jobs: tuple[str, ...],
            project: str | None,
            user: str | None,
            everything: bool,
            yes: bool,
            states: tuple[str, ...] = (),
            **others: Any,
        ) -> None:
            chosen = Chosen(jobs, states, project, user, everything, yes)
            _check(chosen)
            command(chosen=chosen, **others)

        options: list[Decorator] = [
            click.argument("jobs", metavar="[JOB...]", nargs=-1, shell_complete=_completing.jobs),
            click.option("-p", "--project", type=NAME_TYPE, help=f"All {owns}, of this project."),
            click.option("-u", "--user", type=FILLED, help=f"All {owns}, of this user."),
            click.option("--all", "everything", is_flag=True, help=f"All {owns}, of everybody."),
            yes_option,
        ]
        if states:
            options.insert(1, _state_option(states))
        for option in reversed(options):
            called = option(called)
        return called

    return decorate


def _state_option(states: Sequence[str]) -> Decorator:
    return click.option(
        "-s",
        "--state",
        "states",
        multiple=True,
        type=click.Choice(states, case_sensitive=False),
        help="All jobs in this state; may be repeated.",
    )


def _check(chosen: Chosen) -> None:
    """Raises SpecError, click.MissingParameter: neither names nor a choice, or both."""
    parameters = {one.name: one for one in click.get_current_context().command.params}
    choice = bool(chosen.states or chosen.project or chosen.user or chosen.everything)
    if chosen.jobs and choice:
        state = "--state, " if "states" in parameters else ""
        raise SpecError(
            "JOB and options that choose jobs stand together",
            hint=f"name jobs, or choose them by {state}--project, --user or --all",
        )
    if not (chosen.jobs or choice):
        _miss(parameters["jobs"])


def _miss(parameter: click.Parameter) -> NoReturn:
    raise click.MissingParameter(ctx=click.get_current_context(), param=parameter)


def _ask(verb: str, found: Sequence[Unended]) -> None:
    """How many of what it would be.

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
    click.confirm(f"{verb} {what} {whose} ({', '.join(parts)})?", abort=True, err=True)


def _one_or_count(names: set[str], noun: str) -> str:
    return next(iter(names)) if len(names) == 1 else f"{len(names)} {noun}s"
