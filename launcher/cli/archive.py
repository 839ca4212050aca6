"""`launcher archive JOB`: a job as a plain folder."""

from __future__ import annotations

from pathlib import Path

import click

from launcher.cli import _output
from launcher.cli._options import connect, job_argument


@click.command()
@job_argument
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Folder to make; default JOB."
)
def command(job: str, to: Path | None) -> None:
    """Write a job into a plain folder: spec, code, logs, curves, checkpoints, outputs, events.

    An interrupted archive goes on where it stopped. Files that it did not write stay as they are.
    """
    from launcher.archive import archive

    folder = archive(connect(), job, to, lambda text: _output.note(f"  {text}"))
    print(folder)
