"""`launcher up`: start the server and Ray on this machine."""

from __future__ import annotations

import time

import click

from launcher import __version__
from launcher.address import OwnServer, find_server
from launcher.cli import _output, _words
from launcher.cli._options import connect, output_option
from launcher.client import Client
from launcher.errors import SpecError, UnreachableError
from launcher.model.node import NodeReport
from launcher.model.versions import is_older
from launcher.units import format_size
from launcher.views import ServerView, as_json

_POLL_S = 0.2


@click.command()
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=120.0,
    show_default=True,
    help="Seconds to wait for a node.",
)
@click.option(
    "--listen", metavar="ADDRESS",
    help="Let other machines reach the server: 0.0.0.0 is every address of this one. Kept.",
)  # fmt: skip
@output_option()
def command(timeout: float, listen: str | None, output: str) -> None:
    """Start the server and Ray on this machine, and wait until a node is there."""
    if listen is not None:
        _listen(listen)
    _upgrade()
    client = connect(start=True)
    server = _await_node(client, timeout)
    if output == "json":
        _output.print_json(as_json(server))
        return
    print(f"server  {server.url}")
    for cluster in server.clusters:
        for node in cluster.nodes:
            print(f"node    {_node(node)} (cluster {cluster.name})")
    if server.disk is not None:
        free, total = format_size(server.disk.free), format_size(server.disk.total)
        print(f"disk    {free} of {total} free")
    _output.note("next: launcher run job.yaml; launcher down stops everything")


def _listen(host: str) -> None:
    """Let the own server listen there, from now on; its jobs and their agents run on."""
    from launcher.server.process import choose_listening, listens_on, stop_server

    address = find_server()
    if not isinstance(address, OwnServer):
        raise SpecError(
            f"--listen is for your own server here; commands speak to {address.url}",
            hint="launcher context use local, or unset LAUNCHER_SERVER",
        )
    if listens_on(address.folder) != host:
        choose_listening(address.folder, host)
        stop_server(address.folder)


def _upgrade() -> None:
    """After `pip install --upgrade`: the server that runs is of before. Jobs and agents run on."""
    address = find_server()
    if not isinstance(address, OwnServer) or not address.runs():
        return
    running = connect().server().version
    if running == __version__:
        return
    if is_older(__version__, running):
        _output.note(
            f"the server is of launcher {running}, newer than this {__version__}: left as it is"
        )
        return
    from launcher.server.process import stop_server

    stop_server(address.folder)
    _output.note(f"launcher {running} of the server gives way to {__version__}; jobs run on")


def _await_node(client: Client, timeout_s: float) -> ServerView:
    """The server's state once a live cluster has a node."""
    give_up = time.monotonic() + timeout_s
    told = False
    while True:
        server = client.server()
        if any(cluster.live and cluster.nodes for cluster in server.clusters):
            return server
        if not server.embedded and not server.clusters:
            raise SpecError(
                f"the server at {client.url} is no embedded one and has no cluster",
                hint="launcher executor on a machine of a Ray cluster gives it one",
            )
        if time.monotonic() > give_up:
            raise UnreachableError(
                f"no node came up within {timeout_s:g}s",
                hint=f"the logs in {server.state_dir} tell more",
            )
        if not told:
            _output.note("waiting for Ray (a cold start takes some seconds)")
            told = True
        time.sleep(_POLL_S)


def _node(node: NodeReport) -> str:
    cpus, gpus = node.total.get("CPU", 0.0), node.total.get("GPU", 0.0)
    memory = format_size(node.total.get("memory", 0.0))
    parts = [_words.plural(int(cpus), "CPU"), _words.plural(int(gpus), "GPU"), memory]
    return f"{node.host}: {', '.join(parts)}"
