"""`launcher hold JOB…`: keep waiting jobs from being started."""

from __future__ import annotations

import click

from launcher.cli import _outcomes
from launcher.cli._choosing import Chosen, choosing
from launcher.cli._options import connect, output_option
from launcher.model.states import JobState
from launcher.views import Outcome


@click.command(
    epilog="\b\n  launcher hold digits-k3m9ap; launcher release digits-k3m9ap\n"
    "  launcher hold -p vision -u anna"
)
@choosing(owns="jobs that wait")
@output_option()
def command(*, chosen: Chosen, output: str) -> None:
    """Keep waiting jobs, or all of an array, from being started, until `launcher release`.

    A running job cannot be held. Without JOB the options choose among the jobs that wait, each
    option fewer of them, and you are asked before anything is done.
    """
    client = connect()
    names = chosen.names(client, "hold", (JobState.QUEUED.value,), "no job like that waits")
    _outcomes.tell(client.hold(names) if names else [], output, _note)


def _note(one: Outcome) -> str:
    was_held = one.before == one.state
    return f"{one.job} was held before" if was_held else ""
