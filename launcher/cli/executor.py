"""`launcher executor`: runs jobs of a server on a Ray cluster."""

from __future__ import annotations

import os
from pathlib import Path

import click

from launcher.errors import SpecError


@click.command()
@click.option("--server", metavar="URL", help="The server. Default: LAUNCHER_SERVER.")
@click.option("--cluster", default="default", show_default=True, help="Name of this cluster.")
@click.option(
    "--ray-address", default="auto", show_default=True, help="Address of the running Ray cluster."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the executor's token. Default: LAUNCHER_TOKEN.",
)
@click.option("--once", metavar="JOB", help="Run this one job and end: for a cluster of its own.")
def command(
    server: str | None, cluster: str, ray_address: str, token_file: Path | None, once: str | None
) -> None:
    """Run jobs of a server on a Ray cluster, from a machine that reaches both."""
    url = server or os.environ.get("LAUNCHER_SERVER")
    if not url:
        raise SpecError("no server is named", hint="--server URL, or LAUNCHER_SERVER")
    token = token_file.read_text().strip() if token_file else os.environ.get("LAUNCHER_TOKEN")
    from launcher.executor.main import run

    run(server=url, token=token or "", cluster=cluster, ray_address=ray_address, once=once)
