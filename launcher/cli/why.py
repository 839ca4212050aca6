"""`launcher why JOB`: why a job waits, in one sentence."""

from __future__ import annotations

import click

from launcher.cli import _output
from launcher.cli._options import connect, job_argument, output_option


@click.command()
@job_argument
@output_option()
def command(job: str, output: str) -> None:
    """Why a job waits, or what it does, in one sentence."""
    text = connect().why(job)
    if output == "json":
        _output.print_json({"text": text})
    else:
        print(text)
