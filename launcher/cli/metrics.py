"""`launcher metrics JOB`: curves of a job."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from launcher.cli import _output, _words
from launcher.cli._options import connect, job_argument, output_option
from launcher.cli._usage import did_you_mean
from launcher.errors import NotFoundError
from launcher.views import Series, as_json, write_csv


@click.command()
@job_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-r", "--rank", type=click.IntRange(0), help="Only this rank's.")
@click.option("--raw", is_flag=True, help="Also points that a later attempt ran again.")
@output_option("csv")
@click.option("--csv", "output", flag_value="csv", help="Short for --output csv.")
@click.option("--json", "output", flag_value="json", help="Short for --output json.")
def command(*, job: str, names: tuple[str, ...], rank: int | None, raw: bool, output: str) -> None:
    """Curves of a job: all of them, or those named."""
    client = connect()
    only = names[0] if len(names) == 1 else None
    found = client.metrics(job, name=only, rank=rank, raw=raw)
    if not set(names) <= {curve.name for curve in found} or (rank is not None and not found):
        _tell_missing(client.metrics(job), job, names, rank)
    curves = [curve for curve in found if not names or curve.name in names]
    if output == "json":
        _output.print_json(as_json(curves))
    elif output == "csv":
        write_csv(curves, sys.stdout)
    elif curves:
        _output.print_table(
            ["METRIC", "RANK", "POINTS", "STEP", "LAST", "LOW", "HIGH", "CURVE"],
            [_row(curve) for curve in curves if curve.points],
        )
    else:
        gone = _words.removed(client.job(job), "metrics")
        _output.note(
            gone or "no metrics: launcher.report(step, loss=...) in the program gives some"
        )


def _tell_missing(
    there: Sequence[Series], job: str, names: Sequence[str], rank: int | None
) -> None:
    """Raises NotFoundError for a name that no curve has, else for the rank.

    A job that has no curves at all yet is young, and no mistake.
    """
    known = list(dict.fromkeys(curve.name for curve in there))
    for name in names if known else ():
        if name not in known:
            near = did_you_mean(name, known)
            raise NotFoundError(
                f"job {job} has no metric '{name}'{near}", hint=f"it has {', '.join(known)}"
            )
    ranks = sorted({curve.rank for curve in there if not names or curve.name in names})
    if ranks and rank is not None and rank not in ranks:
        told = ", ".join(map(str, ranks))
        raise NotFoundError(f"job {job} has no such metrics of rank {rank}; it has those of {told}")


def _row(curve: Series) -> list[str]:
    values = [value for _, value, _, _ in curve.points]
    numbers = [value for value in values if value == value]  # noqa: PLR0124 - leaves NaN out
    low, high = (min(numbers), max(numbers)) if numbers else ("-", "-")
    count, step = str(len(values)), str(curve.points[-1][0])
    texts = [_words.number(value) for value in (values[-1], low, high)]
    return [curve.name, str(curve.rank), count, step, *texts, _words.sparkline(values, width=24)]
