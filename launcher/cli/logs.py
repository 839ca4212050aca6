"""`launcher logs JOB`: what a job printed, byte for byte."""

from __future__ import annotations

import re

import click

from launcher.cli._options import connect, job_argument
from launcher.errors import SpecError


@click.command()
@job_argument
@click.option("-f", "--follow", is_flag=True, help="Go on as the job prints, until it ends.")
@click.option(
    "-r",
    "--rank",
    "ranks",
    type=click.IntRange(0),
    multiple=True,
    help="Only this rank; repeatable.",
)
@click.option(
    "-a", "--attempt", type=click.IntRange(1), help="This attempt's. Default: the newest one's."
)
@click.option("-n", "--tail", type=click.IntRange(0), help="Begin with so many last lines.")
@click.option("-g", "--grep", metavar="REGEX", help="Only lines in which this is found.")
@click.option("--raw", is_flag=True, help="Byte for byte, also on a terminal.")
@click.option("--setup", is_flag=True, help="What was said while its environment was made.")
def command(
    *,
    job: str,
    follow: bool,
    ranks: tuple[int, ...],
    attempt: int | None,
    tail: int | None,
    grep: str | None,
    raw: bool,
    setup: bool,
) -> int:
    """What a job printed, of every rank.

    One rank's output goes to a file or pipe byte for byte. Elsewhere a line that was drawn anew, as
    a progress bar, is shown as it was left.
    """
    try:
        pattern = re.compile(grep.encode()) if grep is not None else None
    except re.error as error:
        raise SpecError(f"--grep {grep}: is no regular expression: {error}") from error
    client = connect()
    found = client.job(job)
    stream = "setup" if setup else "log"
    if follow:
        from launcher.cli.live import watch

        return watch.logs(
            client,
            found,
            ranks=ranks,
            attempt=attempt,
            tail=tail,
            grep=pattern,
            raw=raw,
            stream=stream,
        )
    from launcher.cli import _printed

    _printed.show(
        client,
        found,
        ranks=ranks,
        attempt=attempt,
        tail=tail,
        grep=pattern,
        raw=raw,
        stream=stream,
    )
    return 0
