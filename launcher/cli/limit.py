"""`launcher limit ARRAY… N`: how many jobs of an array may run at once."""

from __future__ import annotations

from typing import Any

import click

from launcher.cli import _completing, _outcomes
from launcher.cli._options import connect, output_option

_NONE = "none"


class _Limit(click.ParamType):  # type: ignore[type-arg]  # generic in newer clicks alone
    """The last word of the line; a line of one word lacks either it or the arrays."""

    name = "limit"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        is_limit = value == _NONE or value.isdecimal()
        if ctx is not None and not ctx.params["arrays"]:
            lacking = "arrays" if is_limit else "limit"
            raise click.MissingParameter(
                ctx=ctx, param=next(one for one in ctx.command.params if one.name == lacking)
            )
        if not is_limit or value.strip("0") == "":
            self.fail(f"expected a whole number from 1, or none, found '{value}'", param, ctx)
        return _NONE if value == _NONE else int(value)


@click.command(epilog="\b\n  launcher limit sweep-k3m9ap 8\n  launcher limit sweep-k3m9ap none")
@click.argument("arrays", metavar="ARRAY...", nargs=-1, shell_complete=_completing.jobs)
@click.argument("limit", metavar="N", type=_Limit())
@output_option()
def command(arrays: tuple[str, ...], limit: int | str, output: str) -> None:
    """Change how many jobs of an array may be in the queue or run at once; none: all of them.

    With a lower one what has started goes on, and jobs that only wait leave the queue.
    """
    wanted = None if limit == _NONE else int(limit)
    _outcomes.tell(connect().set_limit(arrays, wanted), output)
