"""`launcher plan`: would a job start now, where, when otherwise. Nothing is started or kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.cli import _output, _python, _words
from launcher.cli._leftout import tell_left_out
from launcher.cli._options import connect, output_option
from launcher.cli._specs import expect_files, spec_options
from launcher.errors import SpecError
from launcher.model.harmless import harmless
from launcher.units import format_size
from launcher.views import JobView, as_json

if TYPE_CHECKING:
    from launcher.model.plan import Plan
    from launcher.spec.jobspec import JobSpec
    from launcher.spec.workdir import Listing

_EXAMPLES = """\b
  launcher plan job.yaml --set resources.workers=16
  launcher plan --workers 2 -- train.py --epochs 5
"""
_HEADINGS = {
    "later": "where it would then go on cluster {cluster}, as things are:",
    "empty": "how it would lie on cluster {cluster} if nothing else ran there:",
}


@click.command(epilog=_EXAMPLES)
@spec_options
@output_option()
def command(spec: JobSpec, key: str | None, verbose: bool, output: str) -> int:
    """Would a job start now, where, and when otherwise? Nothing is sent, started or kept.

    Tells whom it would preempt, its ranks on the nodes, and what the launcher adds to the
    environment of rank 0. The exit code is that of a wrong spec, 2, if it can never run.
    """
    listing = expect_files(spec)
    client = connect()
    python = _python.Asked(spec)
    plan = client.plan(spec, key=key, python=python.path)
    if output == "json":
        _output.print_json(as_json(plan))
    else:
        _print(plan)
    for text in plan.remarks:
        _output.note(text)
    if plan.hint:
        _output.note(f"hint: {plan.hint}")
    if plan.outcome != "submitted":
        python.tell(_as_submitted(spec, plan))
        _tell_files(spec, listing, verbose=verbose)
    return SpecError.exit_code if plan.outcome == "never" else 0


def _print(plan: Plan) -> None:
    print(harmless(plan.text))
    if plan.nodes:
        heading = _HEADINGS.get(plan.placed, "").format(cluster=plan.cluster)
        print(*["", *[heading] * bool(heading)], sep="\n")
        rows = [
            [node.label, _span(node.ranks), str(node.gpus) if node.gpus else "-"]
            for node in plan.nodes
        ]
        _output.print_table(["NODE", "RANKS", "GPUS"], rows)
    if plan.environment:
        print("", "rank 0 finds, beside its node's own; <…> is known when it starts:", sep="\n")
        for name, value in plan.environment.items():
            print(f"{name}={_on_one_line(value)}")


def _on_one_line(value: str) -> str:
    r"""A value as a line of a list.

    >>> _on_one_line("a\nb")
    'a\\nb'
    """
    return harmless(value.replace("\n", "\\n"))


def _span(ranks: tuple[int, ...]) -> str:
    """Ranks of one node, which follow one another.

    >>> _span((0, 1, 2)), _span((3,))
    ('0-2', '3')
    """
    return f"{ranks[0]}-{ranks[-1]}" if len(ranks) > 1 else str(ranks[0])


def _as_submitted(spec: JobSpec, plan: Plan) -> JobView:
    """What a submit would get for it, as far as its python goes."""
    return JobView(
        "",
        spec.name or "",
        "QUEUED",
        cluster=spec.cluster,
        spec=plan.spec,
        own_python=plan.own_python,
    )


def _tell_files(spec: JobSpec, listing: Listing | None, *, verbose: bool) -> None:
    """What a submit would send, and what not."""
    if listing is None:
        _output.note(f"it would run in place, in {spec.workdir}")
        return
    count = _words.plural(sum(item.kind == "file" for item in listing.items), "file")
    _output.note(f"a submit sends {count}, {format_size(listing.total_bytes)} of {spec.workdir}")
    tell_left_out(Path(spec.workdir), listing.left_out, verbose=verbose)
