"""`launcher cancel JOB…`: end jobs."""

from __future__ import annotations

import click

from launcher.cli import _outcomes
from launcher.cli._choosing import Chosen, choosing
from launcher.cli._options import connect, output_option
from launcher.model.states import TERMINAL, JobState
from launcher.views import Outcome

_STATES = [state.value for state in JobState if state not in TERMINAL]
_OVER = frozenset(state.value for state in TERMINAL)


@click.command(epilog="\b\n  launcher cancel digits-k3m9ap\n  launcher cancel -s queued -u anna")
@choosing(owns="jobs", states=_STATES)
@click.option("--now", is_flag=True, help="Kill at once: no time to save a checkpoint.")
@output_option()
def command(*, chosen: Chosen, now: bool, output: str) -> None:
    """End jobs. A running one may save first, for as long as its timeouts.grace.

    JOB may be an array: all its elements. Without JOB the options choose among the jobs that have
    not ended, each option fewer of them, and you are asked before anything is done.
    """
    client = connect()
    names = chosen.names(client, "cancel", (), "no job like that waits or runs")
    outcomes = client.cancel_all(names, force=now) if names else []
    _outcomes.tell(outcomes, output, lambda one: _note(one, now=now))


def _note(one: Outcome, *, now: bool) -> str:
    if one.before == one.state and one.state in _OVER:
        return f"{one.job} had ended before"
    if one.state == JobState.CANCELLING.value and not now:
        return f"it may save first; at once: launcher cancel {one.job} --now"
    return ""
