"""`launcher compare JOB JOB…`: what jobs cost and gave, side by side, and their curves in one."""

from __future__ import annotations

import math
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from launcher import charts
from launcher.cli import _completing, _output
from launcher.cli._options import connect, output_option
from launcher.cli._usage import did_you_mean
from launcher.client import Client
from launcher.comparing import Compared, Row, metrics, rows
from launcher.errors import LauncherError, NotFoundError, SpecError
from launcher.views import JobView

_PIPE_COLUMNS = 80
_CHART_COLUMNS = 1000
_LARGEST_PROGRAM = 2**20
_EXAMPLES = """\b
  launcher compare digits-k3m9ap digits-p77xqa
  launcher compare last digits-k3m9ap --metric val_loss --by time --plot losses.png
"""


@click.command(epilog=_EXAMPLES)
@click.argument(
    "jobs", nargs=-1, required=True, metavar="JOB JOB...", shell_complete=_completing.jobs
)
@click.option("-m", "--metric", help="Draw this one. Default: one that most of the jobs have.")
@click.option(
    "--by",
    type=click.Choice(["step", "time"]),
    default="step",
    show_default=True,
    help="What the curves are drawn over.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw the curves into a picture: .png, .svg or .pdf.",
)
@click.option("--no-chart", is_flag=True, help="Without the curves.")
@output_option("markdown")
def command(
    *,
    jobs: tuple[str, ...],
    metric: str | None,
    by: str,
    plot: Path | None,
    no_chart: bool,
    output: str,
) -> None:
    """What jobs cost and gave, side by side, and their curves in one chart."""
    if len(jobs) < 2:
        raise SpecError(
            f"one job, {jobs[0]}, has nothing to be compared with",
            hint=f"name another; launcher show {jobs[0]} and launcher metrics {jobs[0]} tell of it",
        )
    client = connect()
    compared = [_compared(client, client.job(job)) for job in jobs]
    found = rows(compared)
    drawn = _chosen(compared, metric)
    if output == "json":
        ids = [one.job.id for one in compared]
        table = {words: dict(zip(ids, cells, strict=True)) for words, cells in found}
        _output.print_json({"jobs": ids, "rows": table})
    elif output == "markdown":
        _print_markdown(compared, found)
    else:
        _print_table(compared, found)
    if not drawn:
        return
    lines = _curves(client, compared, drawn, by_time=by == "time")
    axes = charts.Axes("s" if by == "time" else "step", drawn)
    if plot:
        charts.as_png(lines, axes, plot)
        _output.note(f"{drawn} of {len(lines)} jobs is drawn in {plot}")
    if output == "table" and not no_chart:
        print()
        print(charts.in_terminal(lines, axes, columns=_columns(), colour=_output.wants_colour()))


def _compared(client: Client, job: JobView) -> Compared:
    return Compared(job, tuple(client.summaries(job.id)), _lines(client, job))


def _curves(
    client: Client, compared: Sequence[Compared], metric: str, *, by_time: bool
) -> list[charts.Curve]:
    """The curves of one metric; x is the step, or the seconds since the job's first point."""
    found = []
    for one in compared:
        summary = one.summary(metric)
        if summary is None:
            continue
        rank, x = [summary.rank], "time" if by_time else "step"
        view = client.curves(one.job.id, metric, ranks=rank, x=x, width=_CHART_COLUMNS)
        for curve in view.curves:
            began = (summary.first_at or 0.0) if by_time else 0.0
            known = zip(curve.xs, curve.ys, strict=True)
            points = tuple((at - began, math.nan if y is None else y) for at, y in known)
            found.append(charts.Curve(f"{one.job.name} ({one.job.id})", points))
    return found


def _chosen(compared: Sequence[Compared], metric: str | None) -> str:
    """The metric that is drawn; empty when there is none.

    Raises:
        NotFoundError: none of the jobs has the one that is asked for.
    """
    known = metrics(compared)
    if metric is None:
        return known[0] if known else ""
    if metric not in known:
        hint = f"they have {', '.join(known)}" if known else "they have no metrics at all"
        near = did_you_mean(metric, known)
        raise NotFoundError(f"none of these jobs has a metric '{metric}'{near}", hint=hint)
    return metric


def _lines(client: Client, job: JobView) -> int | None:
    """Lines of code of a job's program, if that is a python file of its own."""
    from launcher.spec.entrypoint import parse_entrypoint
    from launcher.spec.program_lines import program_lines

    spec = job.spec or {}
    program = parse_entrypoint(spec.get("entrypoint", ""), spec.get("framework", ""))
    if program.kind != "script":
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "code.tar"
        try:
            client.files(job.id).get_code(file)
            texts = _python_files(file)
        except (LauncherError, tarfile.TarError):
            return None  # it ran in place, or retention took its code
    return program_lines(texts, program.argv[0]) if program.argv[0] in texts else None


def _python_files(tar: Path) -> dict[str, str]:
    texts = {}
    with tarfile.open(tar) as archive:
        for member in archive:
            is_small = member.isfile() and member.size <= _LARGEST_PROGRAM
            opened = (
                archive.extractfile(member) if is_small and member.name.endswith(".py") else None
            )
            if opened is not None:
                texts[member.name.removeprefix("./")] = opened.read().decode("utf-8", "replace")
    return texts


def _print_table(compared: Sequence[Compared], found: Sequence[Row]) -> None:
    """A column a job while that has room, else a line a job and fact."""
    names = [one.job.id for one in compared]
    widths = [
        max(map(len, column)) for column in zip(names, *(cells for _, cells in found), strict=True)
    ]
    head = max(len(words) for words, _ in found)
    if head + sum(widths) + 2 * len(widths) <= _columns() or not sys.stdout.isatty():
        _output.print_table(["", *names], [[words, *cells] for words, cells in found])
        return
    for number, one in enumerate(compared):
        print(_output.paint(one.job.id, "bold"))
        for words, cells in found:
            print(f"  {words.ljust(head)}  {cells[number]}")


def _print_markdown(compared: Sequence[Compared], found: Sequence[Row]) -> None:
    """A line a job, as pages show it."""
    print("| job |", " | ".join(words for words, _ in found), "|")
    print("| --- |", " | ".join("---" for _ in found), "|")
    for number, one in enumerate(compared):
        cells = [cells[number].replace("|", "\\|") for _, cells in found]
        print(f"| {one.job.name} |", " | ".join(cells), "|")


def _columns() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_COLUMNS
