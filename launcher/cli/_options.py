"""Options and arguments that several commands share, and the client that they use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from launcher.address import NamedServer, OwnServer, find_server
from launcher.cli import _completing, _output
from launcher.client import Client

F = TypeVar("F", bound=Callable[..., Any])


class _Filled(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """Text that is not empty: an unset variable of a script shall not mean "none"."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.strip():
            self.fail("is empty", param, ctx)
        return value


class _Name(_Filled):
    """The name of a project or cluster, judged before a server is asked."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from launcher.names import NAME, slug

        text = super().convert(value, param, ctx)
        if not NAME.fullmatch(text):
            words = "is not a name of small letters, digits and '-'; did you mean"
            self.fail(f"'{text}' {words} {slug(text)}", param, ctx)
        return text


FILLED, NAME_TYPE = _Filled(), _Name()
PORT = click.IntRange(1, 65535)

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
    context = click.get_current_context()
    context.call_on_close(client.close)
    context.call_on_close(lambda: _tell_notice(client))
    return client


def _tell_notice(client: Client) -> None:
    """What the server wants everybody to hear: after the result, once."""
    if client.notice:
        _output.note(_output.paint(f"warning: {client.notice}", "yellow", err=True))
