"""`launcher hold JOB…`: keep waiting jobs from being started."""

from __future__ import annotations

import click

from launcher.cli import _completing, _outcomes
from launcher.cli._options import connect, output_option
from launcher.views import Outcome


@click.command(epilog="\b\n  launcher hold digits-k3m9ap; launcher release digits-k3m9ap")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=_completing.jobs)
@output_option()
def command(jobs: tuple[str, ...], output: str) -> None:
    """Keep waiting jobs, or all of an array, from being started, until `launcher release`.

    A running job cannot be held.
    """
    _outcomes.tell(connect().hold(jobs), output, _note)


def _note(one: Outcome) -> str:
    was_held = one.before == one.state
    return f"{one.job} was held before" if was_held else ""
