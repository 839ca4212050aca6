"""`launcher logout`: forget the token of the server in use."""

from __future__ import annotations

import contextlib
import dataclasses

import click

from launcher.address import NamedServer
from launcher.cli import _output
from launcher.contexts import load_contexts
from launcher.errors import LauncherError, SpecError


@click.command()
@click.option("--revoke", is_flag=True, help="Let the token be good for nothing any more, too.")
def command(*, revoke: bool) -> None:
    """Forget the token of the server in use. Its context stays, for the next login."""
    contexts = load_contexts()
    chosen = contexts.chosen
    if chosen is None or chosen.token is None:
        raise SpecError(
            "no token is kept for the server in use",
            hint="launcher context list shows which there are",
        )
    if revoke:
        _revoke(NamedServer(chosen.server, chosen.token, chosen.name, chosen.ca))
    contexts.add(dataclasses.replace(chosen, token=None)).save()
    _output.note(f"the token for {chosen.server} is forgotten here")
    if not revoke:
        _output.note("it is still good; launcher logout --revoke would have ended it")


def _revoke(server: NamedServer) -> None:
    """The token that is kept, whatever LAUNCHER_SERVER and LAUNCHER_TOKEN say."""
    from launcher.client import Client

    with contextlib.closing(Client(address=server)) as client:
        token = client.whoami().token
        if token is None:
            raise LauncherError(
                "the server's own token cannot be revoked",
                hint="another one in its state folder, and a new start, replace it",
            )
        client.revoke_token(token.id)
