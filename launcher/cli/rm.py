"""`launcher rm JOB…`: remove ended jobs with all that is kept of them."""

from __future__ import annotations

import click

from launcher.cli import _completing, _output, _removed, _words
from launcher.cli._options import connect, output_option, yes_option
from launcher.units import format_size
from launcher.views import as_json


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=_completing.jobs)
@yes_option
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@output_option()
def command(*, jobs: tuple[str, ...], yes: bool, dry_run: bool, output: str) -> None:
    """Remove ended jobs for good: their logs, metrics, checkpoints, outputs and code.

    What other jobs use too stays. Any job that cannot go is told before anything is removed.
    """
    client = connect()
    found = [client.remove(job, dry_run=True) for job in dict.fromkeys(jobs)]
    if dry_run or not yes:
        if output == "json" and dry_run:
            _output.print_json(as_json(found))
            return
        _removed.print_jobs([job for one in found for job in one.jobs], err=not dry_run)
    if dry_run:
        return
    ids = [job.id for one in found for job in one.jobs]
    if not yes:
        what = _words.plural(len(ids), "job")
        click.confirm(f"remove {what} for good?", abort=True, err=True)
    removed = [client.remove(job) for job in ids]
    if output == "json":
        _output.print_json(as_json(removed))
        return
    for job in ids:
        print(job)
    _output.note(f"removed; {format_size(sum(one.freed for one in removed))} freed")
