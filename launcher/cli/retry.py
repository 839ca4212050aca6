"""`launcher retry JOB`: queue an ended job again."""

from __future__ import annotations

import click

from launcher.cli import _output
from launcher.cli._options import connect, job_argument, output_option
from launcher.views import as_json


@click.command()
@job_argument
@output_option()
def command(job: str, output: str) -> None:
    """Queue an ended job again, from its newest checkpoint."""
    view = connect().retry(job)
    if output == "json":
        _output.print_json(as_json(view))
        return
    print(f"{view.id}  {_output.paint_state(view.state)}")
    step = view.checkpoints.newest_step
    resumes = "the beginning" if step is None else f"the checkpoint of step {step}"
    _output.note(f"it goes on from {resumes}; watch it: launcher logs {view.id} -f")
