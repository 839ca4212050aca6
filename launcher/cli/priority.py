"""`launcher priority JOB… N`: where jobs stand in the queue."""

from __future__ import annotations

from typing import Any

import click

from launcher.cli import _completing, _outcomes
from launcher.cli._options import connect, output_option


class _Priority(click.IntRange):
    """The last word of the line; a line of one word lacks either it or the jobs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if ctx is not None and not ctx.params["jobs"]:
            lacking = "jobs" if value.isdigit() else "priority"
            raise click.MissingParameter(
                ctx=ctx, param=next(one for one in ctx.command.params if one.name == lacking)
            )
        return super().convert(value, param, ctx)


@click.command(
    epilog="\b\n  launcher priority digits-k3m9ap 80\n  launcher priority night-a night-b 10"
)
@click.argument("jobs", metavar="JOB...", nargs=-1, shell_complete=_completing.jobs)
@click.argument("priority", metavar="N", type=_Priority(0, 100))
@output_option()
def command(jobs: tuple[str, ...], priority: int, output: str) -> None:
    """Change the priority of jobs that wait or run, or of all of an array: N from 0 to 100.

    Higher goes first. Jobs begin with what their spec says, or 50; docs/queue.md tells what else
    counts.
    """
    _outcomes.tell(connect().set_priority(jobs, priority), output)
