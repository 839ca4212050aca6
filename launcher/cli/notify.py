"""`launcher notify`: tries out who is told of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from launcher.cli import _output
from launcher.cli._options import NAME_TYPE, connect
from launcher.errors import ConflictError, SpecError

F = TypeVar("F", bound=Callable[..., Any])


@click.group("notify")
def command() -> None:
    """Try out who is told when a job's state changes.

    The receiver of a job's messages stands in its spec: `notify: {url_secret: SLACK_URL}`.
    """


def _receiver(command: F) -> F:
    """The receiver, as a spec names it."""
    for decorate in (
        click.option(
            "-p",
            "--project",
            type=NAME_TYPE,
            default="default",
            help="Whose secret.",
            show_default=True,
        ),
        click.option("--url-secret", metavar="NAME", help="The secret that is the address."),
        click.argument("url", required=False),
    ):
        command = decorate(command)
    return command


@command.command("test")
@_receiver
def test(*, url: str | None, url_secret: str | None, project: str) -> None:
    """Have the server post one message to the receiver, now."""
    _expect_one(url, url_secret)
    status = connect().try_notify(url, url_secret=url_secret, project=project)
    if not 200 <= status < 300:
        redirected = "; redirects are not followed" if 300 <= status < 400 else ""
        raise ConflictError(f"the receiver answered {status}{redirected}")
    _output.note(f"the receiver took the message (it answered {status})")


@command.command("key")
@_receiver
def key(*, url: str | None, url_secret: str | None, project: str) -> None:
    """Print what the receiver verifies messages of this server with (Standard Webhooks)."""
    _expect_one(url, url_secret)
    print(connect().notify_key(url, url_secret=url_secret, project=project))


def _expect_one(url: str | None, url_secret: str | None) -> None:
    if bool(url) == bool(url_secret):
        raise SpecError(
            "name one receiver", hint="write its URL, or --url-secret NAME of the secret that is it"
        )
