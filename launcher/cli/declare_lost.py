"""`launcher declare-lost JOB`: a person's word where no proof can be had."""

from __future__ import annotations

import click

from launcher.cli import _output
from launcher.cli._options import connect, job_argument, output_option, yes_option
from launcher.views import as_json


@click.command()
@job_argument
@yes_option
@output_option()
def command(job: str, yes: bool, output: str) -> None:
    """Your word that no process of a silent job lives any more, so that it may start elsewhere.

    Look before you say so (is the machine off?): if its old processes still run, two attempts of
    the job run at once.
    """
    client = connect()
    found = client.job(job)
    if not yes:
        hosts = ", ".join(node.host or node.node_id for node in found.nodes) or "its nodes"
        click.confirm(f"is every process of {found.id} on {hosts} dead for sure?", abort=True)
    view = client.declare_lost(found.id)
    if output == "json":
        _output.print_json(as_json(view))
    else:
        print(f"{view.id}  {_output.paint_state(view.state)}")
