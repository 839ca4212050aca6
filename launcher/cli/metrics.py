"""`launcher metrics JOB`: curves of a job."""

from __future__ import annotations

import sys

import click

from launcher.cli import _output, _words
from launcher.cli._options import connect, job_argument, output_option
from launcher.views import Series, as_json, write_csv


@click.command()
@job_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-r", "--rank", type=int, help="Only this rank's.")
@click.option("--raw", is_flag=True, help="Also points that a later attempt ran again.")
@output_option("csv")
@click.option("--csv", "output", flag_value="csv", help="Short for --output csv.")
@click.option("--json", "output", flag_value="json", help="Short for --output json.")
def command(*, job: str, names: tuple[str, ...], rank: int | None, raw: bool, output: str) -> None:
    """Curves of a job: all of them, or those named."""
    only = names[0] if len(names) == 1 else None
    curves = connect().metrics(job, name=only, rank=rank, raw=raw)
    curves = [curve for curve in curves if not names or curve.name in names]
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
        _output.note("no metrics: launcher.report(step, loss=...) in the program gives some")


def _row(curve: Series) -> list[str]:
    values = [value for _, value, _, _ in curve.points]
    numbers = [value for value in values if value == value]  # noqa: PLR0124 - leaves NaN out
    low, high = (min(numbers), max(numbers)) if numbers else ("-", "-")
    count, step = str(len(values)), str(curve.points[-1][0])
    texts = [_words.number(value) for value in (values[-1], low, high)]
    return [curve.name, str(curve.rank), count, step, *texts, _words.sparkline(values, width=24)]
