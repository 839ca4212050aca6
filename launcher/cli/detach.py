"""`launcher detach NAME`: leave a Ray cluster that was attached."""

from __future__ import annotations

import click

from launcher.cli import _output
from launcher.cli._options import connect
from launcher.contexts import load_contexts


@click.command()
@click.argument("name")
@click.option(
    "--force", is_flag=True, help="Also while jobs run there, and when its Ray does not answer."
)
def command(name: str, force: bool) -> None:
    """End launcher's executor on an attached Ray cluster; Ray itself and its nodes stay.

    Jobs that run there keep it from being detached. With --force they run on to their end there;
    what has yet to start, or to start again, waits until the cluster is attached again.
    """
    context = load_contexts().known.get(name)
    if context is not None and context.ray is not None:
        from launcher.cli._with_server import detach_server

        detach_server(context, force=force)
        _output.note(f"detached {name}; what its server knows stays on the head")
        return
    left = connect().detach(name, force=force)
    _output.note(f"detached {name}")
    if left:
        _output.note(f"left to run to their end there: {', '.join(left)}")
