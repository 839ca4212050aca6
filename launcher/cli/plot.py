"""`launcher plot JOB… [METRIC…]`: curves of jobs, drawn here or into a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from launcher.cli import _completing
from launcher.cli._options import connect
from launcher.cli._usage import did_you_mean
from launcher.errors import NotFoundError, SpecError

if TYPE_CHECKING:
    from launcher.client import Client
    from launcher.views import JobView

_ENDINGS = (".png", ".svg", ".pdf")
_FORMATS = ("chart", "json")
_EXAMPLES = """\b
  launcher plot last
  launcher plot digits-k3m9ap digits-p77xqa val_loss --smooth 0.9
  launcher plot last loss acc --x time --log -o curves.png
"""


class _Output(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """A format, or the picture to write."""

    name = "output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or value in _FORMATS:
            return value
        file = Path(value)
        if file.suffix.lower() in _ENDINGS:
            return file
        near = did_you_mean(value, _FORMATS)
        return self.fail(
            f"'{value}' is no .png, .svg or .pdf file, chart or json{near}", param, ctx
        )


@click.command(epilog=_EXAMPLES)
@click.argument(
    "jobs", nargs=-1, required=True, metavar="JOB... [METRIC]...", shell_complete=_completing.jobs
)
@click.option(
    "-m", "--metric", "metrics", multiple=True,
    help="Draw this one; repeatable. For a name that could be a job's too.",
)  # fmt: skip
@click.option(
    "--x", type=click.Choice(["step", "time"]), default="step", show_default=True,
    help="Over steps, or the time since each job's first point.",
)  # fmt: skip
@click.option("--log", is_flag=True, help="A logarithmic axis.")
@click.option(
    "--smooth", type=click.FloatRange(0, 0.999), default=0.0, metavar="WEIGHT",
    help="Smooth: 0 not at all, 0.9 much.",
)  # fmt: skip
@click.option(
    "-r", "--rank", "ranks", type=click.IntRange(0), multiple=True,
    help="Of this rank; repeatable. Default: the lowest that reports it.",
)  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Draw it anew while the jobs run.")
@click.option(
    "-o", "--output", type=_Output(), default="chart", show_default=True, metavar="FILE|json",
    help="Into a .png, .svg or .pdf; json: the points that would be drawn.",
)  # fmt: skip
def command(
    *,
    jobs: tuple[str, ...],
    metrics: tuple[str, ...],
    x: str,
    log: bool,
    smooth: float,
    ranks: tuple[int, ...],
    follow: bool,
    output: str | Path,
) -> None:
    """Curves of jobs, one chart a metric, jobs overlaid. Default: the loss, else the first metric.

    Attempts are one curve; below it R stands where a job was restarted, E where it was resized,
    and a dot for each checkpoint.
    """
    if follow and output == "json":
        raise SpecError(
            "--follow draws anew, and json is told once",
            hint="launcher logs JOB -f, or launcher metrics JOB --json again and again",
        )
    client = connect()
    found, named = _told_apart(client, jobs, metrics)
    from launcher.cli import _plotting
    from launcher.plots import Wish

    wish = Wish(named, ranks, "time" if x == "time" else "step", log=log, smooth=smooth)
    if follow:
        _plotting.follow(client, found, wish, output)
    else:
        _plotting.show(client.plot_of(found, wish), found, wish, output)


def _told_apart(
    client: Client, words: Sequence[str], metrics: Sequence[str]
) -> tuple[list[JobView], tuple[str, ...]]:
    """Jobs and metrics of a line. A word behind a job that has a metric of that name means it.

    Where jobs are too young to have any, a word that is no job is a metric to come.

    Raises:
        NotFoundError: a word is neither.
    """
    first, *rest = words
    jobs, named = [client.job(first)], list(metrics)
    known = _names(client, jobs[0])
    for word in rest:
        if word in known:
            named.append(word)
            continue
        try:
            jobs.append(client.job(word))
        except NotFoundError as error:
            if known or all(job.is_over for job in jobs):
                raise _neither(word, jobs, sorted(known), error) from error
            named.append(word)
            continue
        known |= _names(client, jobs[-1])
    return jobs, tuple(dict.fromkeys(named))


def _names(client: Client, job: JobView) -> set[str]:
    kinds = ("reported", "system")
    return {one.name for kind in kinds for one in client.series(job.id, kind=kind)}


def _neither(
    word: str, jobs: Sequence[JobView], known: Sequence[str], error: NotFoundError
) -> NotFoundError:
    from launcher.plots import told_names

    whose = f"a metric of {jobs[0].id}" if len(jobs) == 1 else "a metric of these jobs"
    near = did_you_mean(word, known) or error.message.partition(f"'{word}'")[2]
    hint = f"metrics: {told_names(known)}" if known else f"{jobs[0].id} has no metrics"
    return NotFoundError(f"'{word}' is no job and not {whose}{near}", hint=hint)
