"""`launcher top`: nodes, who holds them, and who waits."""

from __future__ import annotations

import sys

import click

from launcher.cli import _output
from launcher.cli._options import connect, output_option
from launcher.views import as_json


@click.command()
@click.option("--once", is_flag=True, help="Print it once; as in a pipe.")
@click.option(
    "-i",
    "--interval",
    type=click.FloatRange(0),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@output_option()
def command(*, once: bool, interval: float, output: str) -> None:
    """Nodes with their GPUs and CPUs, who holds them, and the queue. Ctrl-C ends it."""
    client = connect()
    if output == "json":
        _output.print_json(as_json(client.occupancy()))
        return
    from launcher.cli.live import occupancy

    if once or not sys.stdout.isatty():
        occupancy.print_once(client.occupancy())
    else:
        occupancy.watch(client, max(interval, 0.2))
