"""Options and arguments that several commands share, and the client that they use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from launcher.address import NamedServer, OwnServer, find_server
from launcher.cli import _completing, _output
from launcher.client import Client
from launcher.logbook import FORMATS

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


class _Workers(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """`4`, or `2-8` of an elastic job: what a spec says of either."""

    name = "workers"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | dict[str, int]:
        numbers = value.replace(":", "-").split("-")
        if len(numbers) > 2 or not all(number.isdecimal() for number in numbers):
            self.fail(f"expected a whole number, or 2-8, found '{value}'", param, ctx)
        low, high = int(numbers[0]), int(numbers[-1])
        return low if len(numbers) == 1 else {"min": low, "max": high}


_EMBEDDED = "local"
"""The cluster that a server of one's own brings along."""
FILLED, NAME_TYPE, WORKERS = _Filled(), _Name(), _Workers()
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


def log_format_option(command: F) -> F:
    """`--log-format text|json` of processes that keep a log."""
    return click.option(
        "--log-format",
        type=click.Choice(FORMATS),
        help="Of its own log: for people, or an object a line. Default: LAUNCHER_LOG_FORMAT, "
        "else text.",
    )(command)


def connect(*, start: bool = False, first: Callable[[], object] = lambda: None) -> Client:
    """The server that LAUNCHER_SERVER or the context names, else this user's own.

    People are told which, and with which clusters, when it is another than their own here.

    Args:
        start: start the own one when it does not run, and say so.
        first: called before that, which takes seconds: for mistakes that need none.
    """
    address = find_server()
    if isinstance(address, OwnServer) and not address.runs():
        if start:
            first()
            _output.note("starting the server (`launcher down` stops it)")
            address.start()
        elif address.has_died():
            _output.note("the server here died; starting it again")
    client = Client()
    if _output.is_read_by_people():
        client.at_first_answer(lambda clusters: _tell_where(address, clusters))
    context = click.get_current_context()
    context.call_on_close(client.close)
    context.call_on_close(lambda: _tell_notice(client))
    return client


def _tell_where(address: NamedServer | OwnServer, clusters: str) -> None:
    """Which server answered, and its clusters; of one's own server only what is unusual."""
    some = f"cluster{'s' * (', ' in clusters)} {clusters}" if clusters else "no cluster"
    if isinstance(address, NamedServer):
        name = f"{address.context} " if address.context else ""
        _output.note(_output.paint(f"server {name}{address.url}, {some}", "dim", err=True))
    elif clusters not in {"", _EMBEDDED}:
        _output.note(_output.paint(f"this machine's server, {some}", "dim", err=True))


def _tell_notice(client: Client) -> None:
    """What the server wants everybody to hear: after the result, once."""
    if client.notice:
        _output.note(_output.paint(f"warning: {client.notice}", "yellow", err=True))
