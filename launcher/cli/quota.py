"""`launcher quota`: what projects may hold, hold now and held before."""

from __future__ import annotations

import math

import click

from launcher.cli import _output, _words
from launcher.cli._options import NAME_TYPE, connect, output_option
from launcher.cli._shares import SHARE, share
from launcher.errors import SpecError
from launcher.views import ProjectView, as_json

_NO_LIMIT = "none"


class _Limit(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """A number from 0, or `none`. `whole`: of things that are counted."""

    name = "limit"

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == _NO_LIMIT:
            return value
        kind = "whole number" if self._whole else "number"
        try:
            number = int(value) if self._whole else float(value)
        except ValueError:
            self.fail(f"expected a {kind} from 0, or none, found '{value}'", param, ctx)
        if not 0 <= number < math.inf:
            self.fail(f"{value} is out of range; write 0 or more, or none", param, ctx)
        return number


@click.group("quota", invoke_without_command=True)
@output_option()
@click.pass_context
def command(ctx: click.Context, output: str) -> None:
    """What projects may hold at once, hold now, and held before. Without a quota: no limits.

    Jobs with `preemptible: true` may hold more, of what others leave idle (docs/queue.md).
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(show, output=output)


@command.command()
@output_option()
def show(output: str) -> None:
    """All projects: what each holds / may hold, its weight, and its part in the past weeks."""
    projects = connect().projects()
    if output == "json":
        _output.print_json(as_json(projects))
    else:
        _print(projects)


@command.command(
    "set",
    epilog="\b\n  launcher quota set vision --gpus 16 --running 10 --weight 2\n"
    "  launcher quota set vision --gpus none",
)
@click.argument("project", metavar="PROJECT", type=NAME_TYPE)
@click.option("--gpus", metavar="N", type=_Limit(), help="GPUs that its jobs hold at once.")
@click.option("--cpus", metavar="N", type=_Limit(), help="CPUs that its jobs hold at once.")
@click.option("--running", metavar="N", type=_Limit(whole=True), help="Jobs that run at once.")
@click.option("--queued", metavar="N", type=_Limit(whole=True), help="Jobs that wait in the queue.")
@click.option("--weight", metavar="N", type=float, help="Its share beside the others', which is 1.")
def set_(project: str, weight: float | None, **given: float | str | None) -> None:
    """Change what a project may hold; `none` takes a limit away. What runs goes on."""
    values: dict[str, float | None] = {
        name: None if isinstance(value, str) else value
        for name, value in given.items()
        if value is not None
    }
    if weight is not None:
        if not 0 < weight < math.inf:
            raise SpecError(f"--weight: {weight:g} is out of range; write a number above 0")
        values["weight"] = weight
    if not values:
        raise SpecError(
            "there is nothing to set",
            hint=f"launcher quota set {project} --gpus 16; --help lists all",
        )
    _print(connect().set_quota(project, values))


@command.command()
@click.argument("project", metavar="PROJECT", type=NAME_TYPE)
def reset(project: str) -> None:
    """Take all limits of a project away, and give it weight 1."""
    _print(connect().reset_quota(project))


def _print(projects: list[ProjectView]) -> None:
    if not projects:
        _output.note("no project has a quota, or holds anything; launcher quota set NAME --gpus 16")
        return
    hours = [tuple(_words.number(s / 3600) for s in (one.gpu_s, one.cpu_s)) for one in projects]
    rows = [(*share(one), *more) for one, more in zip(projects, hours, strict=True)]
    _output.print_table((*SHARE, "GPU HOURS", "CPU HOURS"), rows)
