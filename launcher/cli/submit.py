"""`launcher submit`: queue a job and come back at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from launcher.cli import _output
from launcher.cli._options import connect, output_option
from launcher.cli._specs import expect_files, send, spec_options, tell_array
from launcher.views import as_json

if TYPE_CHECKING:
    from launcher.spec.jobspec import JobSpec

_EXAMPLES = """\b
  launcher submit job.yaml --set resources.workers=4
  launcher submit --workers 2 -- train.py --epochs 5
"""


@click.command(epilog=_EXAMPLES)
@spec_options
@click.option("--hold", is_flag=True, help="It waits until `launcher release`.")
@output_option()
def command(spec: JobSpec, key: str | None, verbose: bool, hold: bool, output: str) -> None:
    """Queue a job, or an array of them, and come back at once; stdout is its id."""
    client = connect(start=True, first=lambda: expect_files(spec))
    job = send(client, spec, key, verbose=verbose, hold=hold)
    if output == "json":
        _output.print_json(as_json(job))
    else:
        print(job.array_id or job.id)
    if hold:
        _output.note(f"it is held: launcher release {job.array_id or job.id} lets it start")
    if job.array_id:
        tell_array(job)
    else:
        _output.note(f"follow: launcher logs {job.id} -f    why it waits: launcher why {job.id}")
