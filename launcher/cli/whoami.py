"""`launcher whoami`: who the server takes one for."""

from __future__ import annotations

import time

import click

from launcher.cli import _kept, _output, _words
from launcher.cli._options import connect, output_option
from launcher.units import format_duration
from launcher.views import as_json
from launcher.views_users import TokenView, WhoView


@click.command()
@output_option()
def command(output: str) -> None:
    """Who the server takes you for, and what you may do there."""
    client = connect()
    who = client.whoami()
    if output == "json":
        _output.print_json(as_json(who) | {"server": client.url})
        return
    print(f"{who.name or 'owner'}  {_what(who)}")
    print(f"server  {client.url}")
    if who.roles:
        print(f"roles   {_kept.roles(who.roles)}")
    if who.token is not None:
        print(f"token   {_token(who.token, time.time())}")


def _what(who: WhoView) -> str:
    if who.kind == "owner":
        return "has the server's own token, which opens all of it"
    kind = "service account" if who.kind == "service" else "user"
    return f"{kind}{', admin of the server' if who.is_admin else ''}"


def _token(token: TokenView, now: float) -> str:
    label = f" ({token.label})" if token.label else ""
    if token.expires_at is None:
        return f"{token.id}{label}, made {_words.ago(token.made_at, now)} ago"
    return f"{token.id}{label}, expires in {format_duration(max(token.expires_at - now, 0.0))}"
