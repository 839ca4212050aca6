"""Options and arguments that several commands share, and the client that they use."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from launcher.client import Client

F = TypeVar("F", bound=Callable[..., Any])

job_argument = click.argument("job", metavar="JOB")
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
    """The server that LAUNCHER_SERVER names, else this user's own.

    Args:
        start: start the own one when it does not run, and say so.
    """
    client = _start_own() if start and not os.environ.get("LAUNCHER_SERVER") else Client()
    click.get_current_context().call_on_close(client.close)
    return client


def _start_own() -> Client:
    from launcher.address import state_dir
    from launcher.cli._output import note
    from launcher.server.process import running_server

    if running_server(state_dir()) is None:
        note("starting the server (`launcher down` stops it)")
    return Client.embedded(start=True)
