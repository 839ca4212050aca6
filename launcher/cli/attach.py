"""`launcher attach URL`: use a running Ray cluster; `launcher attach kubernetes`: make some."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from launcher.cli import _output, _words
from launcher.cli._options import NAME_TYPE, PORT, connect

_PORT = 8270
_KINDS = ("CPU", "GPU")


class _Attach(click.Command):
    """`launcher attach kubernetes …` is another command: it attaches no address of a Ray."""

    @property
    def commands(self) -> dict[str, click.Command]:
        """As those of a group."""
        from launcher.cli import _attach_kubernetes

        return {"kubernetes": _attach_kubernetes.command}

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **more: Any,
    ) -> click.Context:
        if args and args[0] in self.commands:
            chosen = self.commands[args[0]]
            return chosen.make_context(f"{info_name} {args[0]}", args[1:], parent, **more)
        return super().make_context(info_name, args, parent, **more)


@click.command(
    cls=_Attach, epilog="`launcher attach kubernetes --help`: Ray of its own for each job."
)
@click.argument("ray_url", metavar="http://HEAD:8265")
@click.option(
    "--name",
    type=NAME_TYPE,
    default="ray",
    show_default=True,
    help="Name of the cluster from now on.",
)
@click.option(
    "--ray-token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with Ray's own token. Default: RAY_AUTH_TOKEN.",
)
@click.option("--server-url", metavar="URL", help="Address by which the nodes reach your server.")
@click.option(
    "--with-server", is_flag=True, help="Run a server on the head too: nodes cannot reach yours."
)
@click.option(
    "--port", type=PORT, help=f"With --with-server: its port on the head. Default: {_PORT}."
)
@click.option(
    "--state-dir", metavar="PATH",
    help="With --with-server: its folder on the head. Default: ~/.local/state/launcher-NAME.",
)  # fmt: skip
def command(
    *,
    ray_url: str,
    name: str,
    ray_token_file: Path | None,
    server_url: str | None,
    with_server: bool,
    port: int | None,
    state_dir: str | None,
) -> None:
    """Attach the running Ray cluster whose dashboard is at that address.

    One Ray job carries launcher's code to its head and runs the executor there; nothing is
    installed on the nodes. `launcher detach` ends it.
    """
    token = _ray_token(ray_token_file)
    if with_server:
        if server_url:
            raise click.UsageError("--server-url and --with-server exclude each other")
        from launcher.cli._with_server import attach_with_server

        attach_with_server(ray_url, name, token, port or _PORT, state_dir)
        return
    if port or state_dir:
        raise click.UsageError(f"{'--port' if port else '--state-dir'} is for --with-server")
    client = connect(start=True)
    for step in client.attach(name, ray_url, ray_token=token, server_url=server_url):
        _output.note(step)
    found = next(one for one in client.server().clusters if one.name == name)
    amounts = {kind: sum(node.total.get(kind, 0.0) for node in found.nodes) for kind in _KINDS}
    parts = [_words.plural(int(amount), kind) for kind, amount in amounts.items()]
    print(f"attached {name}: {', '.join([_words.plural(len(found.nodes), 'node'), *parts])}")
    _output.note(f"next: launcher run job.yaml --set cluster={name}; launcher detach {name}")


def _ray_token(file: Path | None) -> str | None:
    text = file.read_text() if file else os.environ.get("RAY_AUTH_TOKEN", "")
    return text.strip() or None
