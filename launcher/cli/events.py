"""`launcher events JOB`: what happened to a job, and when."""

from __future__ import annotations

import click

from launcher.cli import _output, _words
from launcher.cli._options import connect, job_argument, output_option
from launcher.views import as_json


@click.command()
@job_argument
@output_option()
def command(job: str, output: str) -> None:
    """What happened to a job, and when; the oldest first."""
    events = connect().events(job)
    if output == "json":
        _output.print_json(as_json(events))
        return
    for event in events:
        when = _output.paint(_words.clock_time(event.time), "dim")
        attempt = f"attempt {event.attempt}: " if event.attempt else ""
        print(f"{when}  {'' if event.text.startswith('attempt') else attempt}{event.text}")
