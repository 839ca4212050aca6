"""`launcher token`: what opens the server, for people, programs and executors."""

from __future__ import annotations

import time

import click

from launcher.cli import _output, _words
from launcher.cli._kept import expires_option, print_token
from launcher.cli._options import NAME_TYPE, connect, output_option
from launcher.errors import SpecError
from launcher.units import format_duration
from launcher.views import as_json
from launcher.views_users import TokenView


@click.group("token")
def command() -> None:
    """Tokens: your own, and, for admins, those of users, of programs and of executors."""


@command.command(
    epilog="\b\n  launcher token create --label laptop\n"
    "  launcher token create --user ci --expires 365d\n"
    "  launcher token create --executor gpu --expires never > gpu.token",
)
@click.option("--user", metavar="NAME", help="Whose. Default: your own; others' are for admins.")
@click.option(
    "--executor", metavar="CLUSTER", type=NAME_TYPE, help="For the executor of this cluster alone."
)
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@expires_option("90d")
def create(*, user: str | None, executor: str | None, label: str, expires: float | None) -> None:
    """Make a token and print it, this once."""
    if user is not None and executor is not None:
        raise SpecError("--user and --executor: a token is the one's or the other's")
    print_token(connect().create_token(user=user, executor=executor, label=label, lasts_s=expires))


@command.command("list")
@click.option("--user", metavar="NAME", help="Of this user; for admins.")
@click.option("--all", "every", is_flag=True, help="Of all users and executors; for admins.")
@output_option()
def list_(*, user: str | None, every: bool, output: str) -> None:
    """Ids, labels, ages and when they were used last. Never the tokens themselves."""
    if user is not None and every:
        raise SpecError("--user and --all: the one or the other")
    found = connect().tokens(user=user, every=every)
    if output == "json":
        _output.print_json(as_json(found))
        return
    if not found:
        _output.note("there are no tokens; launcher token create makes one")
        return
    rows = [_row(one, time.time()) for one in found]
    _output.print_table(["ID", "OF", "LABEL", "MADE", "USED", "STATE"], rows)


@command.command()
@click.argument("identity", metavar="ID")
def revoke(identity: str) -> None:
    """Let a token be good for nothing any more, with the pages that were opened by it."""
    revoked = connect().revoke_token(identity)
    of = revoked.user or f"the executor of {revoked.cluster}"
    _output.note(f"token {revoked.id} of {of} is revoked")


def _row(one: TokenView, now: float) -> list[str]:
    whose = one.user or f"executor {one.cluster}"
    made, used = (_words.ago(moment, now) for moment in (one.made_at, one.used_at))
    return [one.id, whose, one.label or "-", made, used, _state(one, now)]


def _state(one: TokenView, now: float) -> str:
    if one.revoked_at is not None:
        return f"revoked {_words.ago(one.revoked_at, now)} ago"
    if one.expires_at is None:
        return "good"
    if one.expires_at <= now:
        return f"expired {_words.ago(one.expires_at, now)} ago"
    return f"good for {format_duration(one.expires_at - now)}"
