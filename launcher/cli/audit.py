"""`launcher audit`: who changed what."""

from __future__ import annotations

import time

import click

from launcher.cli import _output, _words
from launcher.cli._options import NAME_TYPE, connect, output_option
from launcher.errors import SpecError
from launcher.units import parse_age
from launcher.views import as_json
from launcher.views_users import AuditView

_REFUSED = 400


@click.command(
    epilog="\b\n  launcher audit --user ada --since 7d\n  launcher audit --of digits-k3m9ap"
)
@click.option("--user", metavar="NAME", help="Only what this user did.")
@click.option("--of", "thing", metavar="THING", help="Only what was done to this job, user, …")
@click.option("-p", "--project", type=NAME_TYPE, help="Only what is of this project.")
@click.option("--since", metavar="AGE", help="Only of the last days or hours, as 7d.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@output_option()
def command(
    *,
    user: str | None,
    thing: str | None,
    project: str | None,
    since: str | None,
    limit: int,
    output: str,
) -> None:
    """Who changed what, when and from where: for admins. Newest first; kept for 400 days."""
    found = connect().audit(
        user=user, thing=thing, project=project, since=_moment(since), limit=limit
    )
    if output == "json":
        _output.print_json(as_json(found))
        return
    if not found:
        _output.note("nothing of that kind was changed")
        return
    rows = [_row(one) for one in found]
    _output.print_table(["WHEN", "USER", "DID", "TO", "PROJECT", "FROM", "TOKEN"], rows)


def _moment(since: str | None) -> float | None:
    if since is None:
        return None
    try:
        return time.time() - parse_age(since)
    except ValueError as error:
        raise SpecError(f"--since: {error}") from error


def _row(one: AuditView) -> list[str]:
    refused = f" (refused, {one.status})" if one.status >= _REFUSED else ""
    told = [one.thing or "-", one.project or "-", one.address or "-", one.token or "-"]
    return [_words.clock_time(one.at), one.user, f"{one.did}{refused}", *told]
