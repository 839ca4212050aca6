"""`launcher retention`: how long what jobs left is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from launcher.cli import _output, _words
from launcher.cli._options import NAME_TYPE, connect, output_option
from launcher.errors import SpecError
from launcher.model.retention import DEFAULT_LOG_SIZE, KINDS, LOG_SIZE
from launcher.units import format_duration, format_size, parse_age, parse_size
from launcher.views import RetentionRule, as_json

_FOR_EVER = ("forever", "never")
_DEFAULT = "default"


@click.group("retention", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """How long what ended jobs left is kept. Without a rule: for ever."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show, output="table")


@command.command()
@output_option()
def show(output: str) -> None:
    """The rules that hold, of the server and of projects."""
    rules = connect().retention()
    if output == "json":
        _output.print_json(as_json(rules))
    else:
        _print(rules)


def _kind_options(function: Callable[..., Any]) -> Callable[..., Any]:
    size = "Of what each rank prints in an attempt: 2GiB, forever or default."
    function = click.option(f"--{LOG_SIZE}", metavar="SIZE", help=size)(function)
    for kind, words in reversed(KINDS.items()):
        function = click.option(f"--{kind}", metavar="AGE", help=f"{words.capitalize()}.")(function)
    return function


@command.command(
    "set",
    epilog="\b\n  launcher retention set --logs 90d --metrics 1y --checkpoints 30d\n"
    "  launcher retention set --project demo --jobs 14d\n"
    "  launcher retention set --project demo --jobs default",
)
@click.option(
    "-p", "--project", type=NAME_TYPE, help="Only for jobs of this project. Default: for all."
)
@_kind_options
def set_(project: str | None, **given: str | None) -> None:
    """Change rules: AGE is since a job's end, as 90d; `forever`; `default` takes a rule away.

    The server applies them every ten minutes. Under --checkpoints the newest ones of a job stay.
    """
    values: dict[str, float | None] = {}
    default: list[str] = []
    for option, text in given.items():
        kind = option.replace("_", "-")
        if text == _DEFAULT:
            default.append(kind)
        elif text is not None:
            values[kind] = _value(kind, text)
    if not values and not default:
        raise SpecError(
            "there is nothing to set", hint="launcher retention set --logs 90d; --help lists all"
        )
    client = connect()
    _print(client.set_retention(values, project=project or "", default=default))
    gone = client.apply_retention(dry_run=True)
    if gone:
        size = format_size(sum(one.size for one in gone))
        jobs = _words.plural(len({one.job for one in gone}), "job")
        _output.note(f"{size} of {jobs} will go in 10 to 20 minutes")
        _output.note(
            "launcher retention apply --dry-run lists it; --KIND default takes a rule back"
        )


@command.command()
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@output_option()
def apply(dry_run: bool, output: str) -> None:
    """Let go now what the server would within minutes."""
    gone = connect().apply_retention(dry_run=dry_run)
    if output == "json":
        _output.print_json(as_json(gone))
        return
    if gone:
        rows = [(one.job, one.kind, format_size(one.size)) for one in gone]
        _output.print_table(("JOB", "WHAT", "SIZE"), rows)
    size = format_size(sum(one.size for one in gone))
    verb = "would go" if dry_run else "removed"
    jobs = _words.plural(len({one.job for one in gone}), "job")
    _output.note(f"{size} of {jobs} {verb}" if gone else "nothing is that old")


def _value(kind: str, text: str) -> float | None:
    if text in _FOR_EVER:
        return None
    try:
        return parse_size(text) if kind == LOG_SIZE else parse_age(text)
    except ValueError as error:
        raise SpecError(f"--{kind}: {error}", hint="or write forever, or default") from error


def _print(rules: list[RetentionRule]) -> None:
    by_place = {(rule.project, rule.kind): rule.value for rule in rules}
    projects = ["", *sorted({rule.project for rule in rules} - {""})]
    rows = []
    for kind in [*KINDS, LOG_SIZE]:
        words = KINDS.get(kind, "what is kept of the output of a rank in an attempt")
        cells = [_cell(by_place, project, kind) for project in projects]
        rows.append((kind, *cells, words))
    _output.print_table(("WHAT", "ALL", *(name.upper() for name in projects[1:]), ""), rows)


def _cell(rules: dict[tuple[str, str], float | None], project: str, kind: str) -> str:
    if (project, kind) not in rules:
        if project:
            return "-"
        return format_size(DEFAULT_LOG_SIZE) if kind == LOG_SIZE else "forever"
    value = rules[project, kind]
    if value is None:
        return "forever"
    return format_size(value) if kind == LOG_SIZE else format_duration(value)
