"""Options and arguments that several commands share, and the client that they use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from launcher.address import NamedServer, OwnServer, find_server
from launcher.cli import _completing, _output
from launcher.client import Client

F = TypeVar("F", bound=Callable[..., Any])

job_argument = click.argument("job", metavar="JOB", shell_complete=_completing.jobs)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def output_option(*more: str) -> Callable[[F], F]:
    """`--output table|json`, with further formats of a command."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", *more]),
        default="table",
        show_default=True,
        help="For people, or for programs.",
    )


def connect(*, start: bool = False) -> Client:
    """The server that LAUNCHER_SERVER or the context names, else this user's own.

    People are told which, when it is another one than their own here.

    Args:
        start: start the own one when it does not run, and say so.
    """
    address = find_server()
    if isinstance(address, OwnServer) and not address.runs():
        if start:
            _output.note("starting the server (`launcher down` stops it)")
            address.start()
        elif address.has_died():
            _output.note("the server here died; starting it again")
    elif isinstance(address, NamedServer) and _output.is_read_by_people():
        name = f"{address.context} " if address.context else ""
        _output.note(_output.paint(f"server {name}{address.url}", "dim", err=True))
    client = Client()
    click.get_current_context().call_on_close(client.close)
    return client
