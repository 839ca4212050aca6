"""`launcher version`: of this client and of the server."""

from __future__ import annotations

import platform

import click

from launcher import __version__
from launcher.cli import _output
from launcher.cli._options import connect, output_option
from launcher.errors import UnreachableError


@click.command()
@output_option()
def command(output: str) -> None:
    """Versions of this client and of the server, if one answers."""
    versions = {"launcher": __version__, "python": platform.python_version()}
    try:
        server = connect().server()
        versions |= {"server": server.version, "server_url": server.url}
        if server.leader:
            versions["leader"] = f"{server.leader} (epoch {server.epoch})"
        versions |= {
            f"ray ({cluster.name})": cluster.ray_version
            for cluster in server.clusters
            if cluster.ray_version
        }
    except UnreachableError as error:
        _output.note(f"server: {error}")
    if output == "json":
        _output.print_json(versions)
    else:
        for name, version in versions.items():
            print(f"{name.ljust(12)}{version}")
