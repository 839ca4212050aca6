"""`launcher user`: who may come in."""

from __future__ import annotations

import time

import click

from launcher.cli import _kept, _output, _words
from launcher.cli._kept import ROLES, NameOrAll, expires_option, print_token
from launcher.cli._options import connect, output_option
from launcher.errors import SpecError
from launcher.views import as_json
from launcher.views_users import UserView


@click.group("user")
def command() -> None:
    """Users of the server, people and programs: for its admins."""


@command.command(
    epilog="\b\n  launcher user add ada --project vision\n"
    "  launcher user add ci --service --project vision --expires 365d\n"
    "  launcher user add grace --admin",
)
@click.argument("name")
@click.option("--service", is_flag=True, help="A program, as a CI job.")
@click.option("--admin", is_flag=True, help="Admin of the server: may do all.")
@click.option("-p", "--project", type=NameOrAll(), help="Where they have a role; '*': everywhere.")
@click.option("--role", type=click.Choice(ROLES), help="In that project. Default: member.")
@expires_option("90d")
def add(
    *,
    name: str,
    service: bool,
    admin: bool,
    project: str | None,
    role: str | None,
    expires: float | None,
) -> None:
    """Add a user, and print their first token, which they log in with."""
    if role is not None and project is None:
        raise SpecError("--role: in which project?", hint=f"--project NAME --role {role}")
    client = connect()
    made = client.add_user(
        name,
        service=service,
        admin=admin,
        project=project,
        role=role or "member",
        lasts_s=expires,
    )
    print_token(made)
    _output.note(f"{name} comes in by: launcher login {client.url}")
    if not admin and project is None:
        _output.note(f"they may do nothing yet: launcher project grant PROJECT {name} member")


@command.command("list")
@output_option()
def list_(output: str) -> None:
    """All users, their roles, and when they were seen last."""
    found = connect().users()
    if output == "json":
        _output.print_json(as_json(found))
        return
    if not found:
        _output.note("nobody has an account; launcher user add NAME adds one")
        return
    rows = [_row(one, time.time()) for one in found]
    _output.print_table(["NAME", "KIND", "ROLES", "SEEN", "STATE"], rows)


@command.command("set")
@click.argument("name")
@click.option("--admin/--no-admin", default=None, help="Admin of the server, or not any more.")
def set_(name: str, *, admin: bool | None) -> None:
    """Change what a user may do on the whole server."""
    if admin is None:
        raise SpecError("there is nothing to set", hint=f"launcher user set {name} --admin")
    connect().set_user(name, admin=admin)
    _output.note(f"{name} is {'' if admin else 'no '}admin of the server{'' if admin else ' now'}")


@command.command()
@click.argument("name")
def disable(name: str) -> None:
    """Let a user in no more; their jobs run on, and their roles and tokens are kept."""
    connect().set_user(name, disabled=True)
    _output.note(f"{name} is disabled; launcher user enable {name} lets them in again")


@command.command()
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled user in again, by the tokens that they have."""
    connect().set_user(name, disabled=False)
    _output.note(f"{name} is let in again")


def _row(one: UserView, now: float) -> list[str]:
    rights = ["admin of the server"] * one.is_admin + [_kept.roles(one.roles)] * bool(one.roles)
    state = "disabled" if one.disabled_at is not None else "active"
    return [one.name, one.kind, "; ".join(rights) or "-", _words.ago(one.used_at, now), state]
