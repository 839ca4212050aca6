"""How commands that give rights read names, roles and times, and print tokens and roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from launcher.cli import _output
from launcher.names import NAME
from launcher.units import format_duration, parse_age
from launcher.views_users import NewTokenView

F = TypeVar("F", bound=Callable[..., Any])

ROLES = ("viewer", "member", "admin")
_NEVER = "never"
EVERY = "*"


class NameOrAll(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """The name of a project or of a cluster, or `*` for every one."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != EVERY and not NAME.fullmatch(value):
            self.fail(
                f"'{value}' is not a name of small letters, digits and '-', nor '*' for all",
                param,
                ctx,
            )
        return value


class _Expiry(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """How long a token is good, in seconds; None: until it is revoked."""

    name = "age"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        if value == _NEVER or not isinstance(value, str):
            return None if value == _NEVER else float(value)
        try:
            seconds = parse_age(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail("is 0: it would be good for nothing", param, ctx)
        return seconds


def expires_option(default: str) -> Callable[[F], F]:
    return click.option(
        "--expires",
        metavar="AGE",
        type=_Expiry(),
        default=default,
        show_default=True,
        help="The token is good for so long, as 90d; never: until it is revoked.",
    )


def print_token(made: NewTokenView) -> None:
    """The token alone on stdout, where a script takes it; what to know of it beside."""
    print(made.text)
    of = f"user {made.token.user}" if made.token.user else f"executor of {made.token.cluster}"
    until = "until it is revoked"
    if made.token.expires_at is not None:
        until = f"for {format_duration(made.token.expires_at - made.token.made_at)}"
    _output.note(
        f"token {made.token.id} of {of}, good {until}; it is shown this once: the server keeps its "
        "hash alone"
    )


def roles(by_project: Mapping[str, str]) -> str:
    """As `vision: member, all projects: viewer`."""
    named = [
        f"{'all projects' if project == EVERY else project}: {role}"
        for project, role in by_project.items()
    ]
    return ", ".join(named)
