"""`launcher cancel JOB…`: end jobs."""

from __future__ import annotations

import click

from launcher.cli import _completing, _output
from launcher.cli._options import connect, output_option
from launcher.views import as_json


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=_completing.jobs)
@click.option("--now", is_flag=True, help="Kill at once: no time to save a checkpoint.")
@output_option()
def command(jobs: tuple[str, ...], now: bool, output: str) -> None:
    """End jobs. A running one may save first, for as long as its timeouts.grace."""
    client = connect()
    views = [client.cancel(job, force=now) for job in jobs]
    if output == "json":
        _output.print_json(as_json(views))
        return
    for view in views:
        print(f"{view.id}  {_output.paint_state(view.state)}")
        if not view.is_over and not now:
            _output.note(f"it may save first; at once: launcher cancel {view.id} --now")
