"""`launcher context`: which server commands speak to."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from launcher.address import NamedServer, OwnServer, find_server, state_dir
from launcher.cli import _output, _words
from launcher.cli._options import output_option
from launcher.contexts import LOCAL, Context, contexts_file, load_contexts
from launcher.errors import LauncherError, SpecError
from launcher.views import ClusterView


@click.group("context", invoke_without_command=True)
@output_option()
@click.pass_context
def command(ctx: click.Context, output: str) -> None:
    """Which server commands speak to, and its clusters.

    LAUNCHER_SERVER and LAUNCHER_TOKEN win over the context that is in use.
    """
    if ctx.invoked_subcommand is not None:
        return
    server = find_server()
    clusters, problem = _clusters(server)
    if output == "json":
        _output.print_json(
            {
                "context": _name(server),
                "server": _where(server),
                "problem": problem,
                "clusters": [
                    {"name": one.name, "live": one.live, "nodes": len(one.nodes), "note": one.note}
                    for one in clusters
                ],
            }
        )
        return
    print(f"{_name(server)}  {_where(server)}")
    for one in clusters:
        print(f"  cluster {one.name}  {_state(one)}{f'  {one.note}' if one.note else ''}")
    if problem:
        _output.note(problem)


@command.command("list")
@output_option()
def list_contexts(output: str) -> None:
    """All contexts; the star is the one in use."""
    contexts = load_contexts()
    known = [Context(LOCAL, str(state_dir())), *contexts.known.values()]
    if output == "json":
        _output.print_json(
            [
                {"name": one.name, "server": one.server, "current": one.name == contexts.current}
                for one in known
            ]
        )
        return
    rows = [["*" if one.name == contexts.current else "", one.name, one.server] for one in known]
    _output.print_table(["", "NAME", "SERVER"], rows)
    if os.environ.get("LAUNCHER_SERVER"):
        _output.note(f"LAUNCHER_SERVER is set: {os.environ['LAUNCHER_SERVER']} is used")


@command.command("use")
@click.argument("name")
def use(name: str) -> None:
    """Speak to that server from now on; `local` is your own one on this machine."""
    contexts = load_contexts().use(name)
    contexts.save()
    chosen = contexts.chosen
    _output.note(
        f"context {name}: {chosen.server if chosen else f'your own server in {state_dir()}'}"
    )


@command.command("add")
@click.argument("name")
@click.argument("url")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="File with the server's token, which is kept; - is stdin.",
)
def add(name: str, url: str, token_file: Path | None) -> None:
    """Give a server a name. One of that name gets the new address and keeps its token."""
    from launcher.transport import Connection

    Connection(url)  # refuses what is no address
    contexts = load_contexts()
    before = contexts.known.get(name)
    token = _token(token_file) or (before.token if before else None)
    contexts.add(Context(name, url.rstrip("/"), token, before.ray if before else None)).save()
    _output.note(f"context {name} is kept in {contexts_file()}; launcher context use {name}")


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Forget a context, with its token; the server itself is left alone."""
    contexts = load_contexts()
    after = contexts.remove(name)
    after.save()
    if after.current != contexts.current:
        _output.note(f"context {after.current} is in use now")


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as error:
        raise SpecError(f"--token-file {file}: cannot be read: {error.strerror}") from error
    if not text.strip():
        raise SpecError(f"--token-file {file}: holds no token")
    return text.strip()


def _clusters(server: NamedServer | OwnServer) -> tuple[tuple[ClusterView, ...], str]:
    """The server's clusters, or why they are not known; starts nothing."""
    if isinstance(server, OwnServer) and not server.runs():
        return (), "it does not run; launcher up starts it"
    from launcher.client import Client

    try:
        with contextlib.closing(Client()) as client:
            return client.server().clusters, ""
    except LauncherError as error:
        return (), str(error)


def _name(server: NamedServer | OwnServer) -> str:
    return LOCAL if isinstance(server, OwnServer) else server.context or "LAUNCHER_SERVER"


def _where(server: NamedServer | OwnServer) -> str:
    return str(server.folder) if isinstance(server, OwnServer) else server.url


def _state(cluster: ClusterView) -> str:
    if cluster.live:
        nodes: Any = cluster.nodes
        return _words.plural(len(nodes), "node")
    return f"silent for {_words.ago(0.0, cluster.silent_s or 0.0)}"
