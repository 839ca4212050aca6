"""`launcher prune`: remove the jobs that ended long ago."""

from __future__ import annotations

import click

from launcher.cli import _output, _removed, _words
from launcher.cli._options import NAME_TYPE, connect, output_option, yes_option
from launcher.errors import SpecError
from launcher.model.states import TERMINAL
from launcher.units import format_size, parse_age
from launcher.views import Removal, as_json


@click.command(epilog="\b\n  launcher prune --older-than 30d --dry-run")
@click.option("--older-than", required=True, metavar="AGE", help="Since their end, as 30d or 12h.")
@click.option("-p", "--project", type=NAME_TYPE, help="Only jobs of this project.")
@click.option(
    "-s",
    "--state",
    "states",
    multiple=True,
    type=click.Choice(sorted(state.value for state in TERMINAL), case_sensitive=False),
    help="Only jobs that ended so; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@yes_option
@output_option()
def command(
    *,
    older_than: str,
    project: str | None,
    states: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Remove ended jobs for good, by their age: logs, metrics, checkpoints, outputs and code."""
    try:
        age_s = parse_age(older_than)
    except ValueError as error:
        raise SpecError(f"--older-than: {error}") from error
    client = connect()
    found = client.prune(age_s, project=project, states=states, dry_run=True)
    if dry_run or (found.jobs and not yes):
        _show(found, output if dry_run else "table", err=not dry_run)
    if dry_run:
        return
    if found.jobs and not yes:
        what = f"{_words.plural(len(found.jobs), 'job')} ({format_size(found.freed)})"
        click.confirm(f"remove {what} for good?", abort=True, err=True)
    removed = client.prune(age_s, project=project, states=states) if found.jobs else found
    if output == "json":
        _output.print_json(as_json(removed))
        return
    for job in removed.jobs:
        print(job.id)
    _tell(removed, "removed")


def _show(found: Removal, output: str, *, err: bool) -> None:
    if output == "json":
        _output.print_json(as_json(found))
        return
    if found.jobs:
        _removed.print_jobs(found.jobs, err=err)
    if not err:
        _tell(found, "would go")


def _tell(found: Removal, verb: str) -> None:
    for kept in found.kept:
        _output.note(f"{kept.id} stays: {kept.reason}")
    what = _words.plural(len(found.jobs), "job")
    freed = f", {format_size(found.freed)} freed" if found.jobs else ""
    _output.note(f"{what} {verb}{freed}" if found.jobs else "no job is that old")
