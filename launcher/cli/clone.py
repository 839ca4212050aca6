"""`launcher clone JOB`: queue the same job once more, perhaps with keys changed."""

from __future__ import annotations

import click

from launcher.cli import _output, _words
from launcher.cli._options import FILLED, connect, job_argument, output_option
from launcher.views import as_json


@click.command(epilog="\b\n  launcher clone digits-k3m9ap --set resources.workers=4")
@job_argument
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the spec, as resources.workers=4; may be repeated.",
)
@click.option("--key", type=FILLED, help="Idempotency key: the same key gives the same job.")
@output_option()
def command(*, job: str, overrides: tuple[str, ...], key: str | None, output: str) -> None:
    """Queue a new job of the same spec and code; says what differs. stdout is its id.

    It begins anew. With --set from_job=JOB it goes on from that job's newest checkpoint.
    """
    clone, differences = connect().clone(job, overrides, key=key)
    if output == "json":
        changed = [difference._asdict() for difference in differences]
        _output.print_json({"job": as_json(clone), "differences": changed})
        return
    print(clone.id)
    _output.note(f"{clone.id}: {_words.gang(clone)}, with the same code")
    for difference in differences:
        _output.note(f"  {difference.key}: {difference.before} -> {difference.after}")
    if not differences:
        _output.note("  nothing differs; --set KEY=VALUE changes a key")
    _output.note(f"follow: launcher logs {clone.id} -f    why it waits: launcher why {clone.id}")
