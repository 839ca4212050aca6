"""`launcher undrain NODE`: use a node again."""

from __future__ import annotations

import click

from launcher.cli import _output
from launcher.cli._options import connect
from launcher.errors import SpecError


@click.command()
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--cluster", metavar="NAME", default="", help="Where, if several have a NODE.")
@click.option("--this-node", is_flag=True, help="This machine stays after all. Asks no server.")
def command(*, node: str | None, cluster: str, this_node: bool) -> None:
    """Place jobs on a node again that was drained by hand, or said of itself that it goes.

    What was asked to leave it goes all the same.
    """
    if this_node:
        _stay(is_for_server=bool(node or cluster))
        return
    if node is None:
        raise SpecError("NODE is missing", hint="launcher drain shows which are drained by hand")
    done = connect().undrain(node, cluster=cluster)
    _output.note(f"{done.node} of cluster {done.cluster} is used again")


def _stay(*, is_for_server: bool) -> None:
    from launcher.executor import leaving

    if is_for_server:
        raise SpecError("--this-node stands alone")
    if not leaving.take_back():
        _output.note("nobody had said that this machine goes")
