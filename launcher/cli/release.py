"""`launcher release JOB…`: let held jobs wait for their turn again."""

from __future__ import annotations

import click

from launcher.cli import _outcomes
from launcher.cli._choosing import Chosen, choosing
from launcher.cli._options import connect, output_option
from launcher.model.states import JobState
from launcher.views import Outcome

_HELD = JobState.HELD.value


@click.command(epilog="\b\n  launcher release digits-k3m9ap\n  launcher release -u anna")
@choosing(owns="jobs that are held")
@output_option()
def command(*, chosen: Chosen, output: str) -> None:
    """Let held jobs, or all of an array, wait for their turn again, where they stood before.

    Without JOB the options choose among the jobs that are held, each option fewer of them, and you
    are asked before anything is done.
    """
    client = connect()
    names = chosen.names(client, "release", (_HELD,), "no job like that is held")
    _outcomes.tell(client.release(names) if names else [], output, _note)


def _note(one: Outcome) -> str:
    return "" if one.before == _HELD else f"{one.job} was not held"
