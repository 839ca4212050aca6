"""`launcher release JOB…`: let held jobs wait for their turn again."""

from __future__ import annotations

import click

from launcher.cli import _completing, _outcomes
from launcher.cli._options import connect, output_option
from launcher.views import Outcome


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=_completing.jobs)
@output_option()
def command(jobs: tuple[str, ...], output: str) -> None:
    """Let held jobs, or all of an array, wait for their turn again, where they stood before."""
    _outcomes.tell(connect().release(jobs), output, _note)


def _note(one: Outcome) -> str:
    return "" if one.before == "HELD" else f"{one.job} was not held"
