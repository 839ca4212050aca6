"""`launcher drain NODE`: leave a node, before it is mended or taken away."""

from __future__ import annotations

import socket
import time

import click

from launcher.cli import _output
from launcher.cli._options import connect, output_option
from launcher.errors import LauncherError, SpecError
from launcher.units import format_duration, parse_duration
from launcher.views import as_json

_POLL_S = 0.5
_NOTICED_S = 3.0
"""So long agents and executor may take to hear of it."""


class _Duration(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """Seconds, written as 90s or 2m."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    epilog="\b\n  launcher drain gpu-7 --why 'a new disk'\n"
    "  launcher drain gpu-7 --when-idle; launcher undrain gpu-7\n"
    "  launcher drain --this-node --wait 90s"
)
@click.argument("node", metavar="[NODE]", required=False)
@click.option("--cluster", metavar="NAME", default="", help="Where, if several have a NODE.")
@click.option("--why", metavar="TEXT", default="", help="Told to all whose jobs it concerns.")
@click.option("--when-idle", is_flag=True, help="What runs there may end by itself.")
@click.option(
    "--this-node",
    is_flag=True,
    help="This machine is about to go: tell its agents and the executor. Asks no server.",
)
@click.option(
    "--wait",
    metavar="DURATION",
    type=_Duration(),
    help="With --this-node: until nobody needs it any more, for so long at most.",
)
@output_option()
def command(
    *,
    node: str | None,
    cluster: str,
    why: str,
    when_idle: bool,
    this_node: bool,
    wait: float | None,
    output: str,
) -> None:
    """Place nothing new on a node; what runs there saves, and goes on elsewhere.

    It costs no retry. `launcher undrain NODE` ends it; without NODE: the nodes that are drained by
    hand. Those that leave by themselves, as a spot machine, are in `launcher top`.
    """
    if this_node:
        _leave(node, why, wait, is_for_server=bool(cluster or when_idle))
    elif wait is not None:
        raise SpecError("--wait stands with --this-node alone")
    elif node is not None:
        done = connect().drain(node, cluster=cluster, why=why, when_idle=when_idle)
        how = "what runs there may end by itself" if when_idle else "what runs there saves first"
        if output == "json":
            _output.print_json(as_json(done))
        else:
            _output.note(f"{done.node} of cluster {done.cluster} is drained: {how}")
    elif cluster or why or when_idle:
        raise SpecError("NODE is missing", hint="launcher top shows all nodes")
    else:
        _list(output)


def _list(output: str) -> None:
    found = connect().drains()
    if output == "json":
        _output.print_json(as_json(found))
    elif not found:
        _output.note("no node is drained by hand; launcher drain NODE")
    else:
        rows = [
            (one.node, one.cluster, one.by, "when idle" if one.when_idle else "at once", one.why)
            for one in found
        ]
        _output.print_table(("NODE", "CLUSTER", "BY", "LEFT", "WHY"), rows)


def _leave(node: str | None, why: str, wait_s: float | None, *, is_for_server: bool) -> None:
    """Say it to whoever of ours is on this machine; a server need not be there."""
    from launcher.executor import leaving

    if node is not None or is_for_server:
        raise SpecError("--this-node stands with --why and --wait alone")
    try:
        leaving.say(why or f"{socket.gethostname()} is about to be stopped")
    except OSError as error:
        raise SpecError(f"this machine's agents cannot be told: {error}") from error
    if wait_s is None:
        return
    begun = time.monotonic()
    while (here := leaving.present()) or time.monotonic() - begun < min(_NOTICED_S, wait_s):
        if time.monotonic() - begun >= wait_s:
            pids = ", ".join(map(str, here))
            raise LauncherError(
                f"still here after {format_duration(wait_s)}: processes {pids}",
                hint="what they have not saved is lost when the machine goes",
            )
        time.sleep(_POLL_S)
