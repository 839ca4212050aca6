"""`launcher checkpoints list|get JOB`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from launcher.cli import _output, _words
from launcher.cli._options import connect, job_argument, output_option
from launcher.errors import NotFoundError
from launcher.units import format_size
from launcher.views import CheckpointView, as_json


@click.group("checkpoints")
def command() -> None:
    """List the committed checkpoints of a job, or get one here."""


@command.command("list")
@job_argument
@output_option()
def list_checkpoints(job: str, output: str) -> None:
    """Committed checkpoints, the newest last."""
    found = connect().checkpoints(job)
    if output == "json":
        _output.print_json(as_json(found))
    elif found:
        rows = [_row(checkpoint, time.time()) for checkpoint in found]
        _output.print_table(["ID", "STEP", "ATTEMPT", "SIZE", "AGE", "METRICS"], rows)
    else:
        _output.note("no checkpoints yet")


@command.command("get")
@job_argument
@click.argument("id", type=int, required=False)
@click.option("--step", type=click.IntRange(0), help="The one of this step, in place of its id.")
@click.option("--to", type=click.Path(path_type=Path), help="Folder to make; default JOB-stepN.")
@output_option()
def get_checkpoint(
    job: str, id: int | None, step: int | None, to: Path | None, output: str
) -> None:
    """Get a checkpoint here: the newest, or one by its ID. Every file is verified by its hash."""
    client = connect()
    found = client.job(job)
    wanted = _find(client.checkpoints(found.id), found.id, id, step)
    target = to or Path(f"{found.id}-step{wanted.step}")
    client.download_checkpoint(found.id, target, id=wanted.id)
    if output == "json":
        _output.print_json(as_json(wanted) | {"folder": str(target.absolute())})
        return
    print(target)
    files = _words.plural(len(wanted.files), "file")
    _output.note(f"checkpoint of step {wanted.step}: {files}, {format_size(wanted.size)}, verified")


def _row(checkpoint: CheckpointView, now: float) -> list[str]:
    metrics = [f"{name} {_words.number(value)}" for name, value in checkpoint.metrics.items()]
    counts = [str(checkpoint.id), str(checkpoint.step), str(checkpoint.attempt)]
    age = _words.ago(checkpoint.created_at, now)
    return [*counts, format_size(checkpoint.size), age, "  ".join(metrics)]


def _find(kept: list[CheckpointView], job: str, id: int | None, step: int | None) -> CheckpointView:
    fitting = [one for one in kept if id in {None, one.id} and step in {None, one.step}]
    if fitting:
        return fitting[-1]
    if not kept:
        raise NotFoundError(
            f"job {job} has no committed checkpoint",
            hint="launcher.checkpoint(step) in the program saves one",
        )
    wanted = f"checkpoint {id}" if id is not None else f"checkpoint of step {step}"
    steps = ", ".join(f"{one.id} (step {one.step})" for one in kept)
    raise NotFoundError(f"job {job} has no {wanted}", hint=f"it has {steps}")
