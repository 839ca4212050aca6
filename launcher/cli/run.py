"""`launcher run`: submit a job and follow it to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from launcher.cli._options import connect
from launcher.cli._specs import expect_files, send, spec_options, tell_array
from launcher.errors import SpecError

if TYPE_CHECKING:
    from launcher.spec.jobspec import JobSpec

_EXAMPLES = """\b
  launcher run job.yaml --set resources.workers=4
  launcher run --workers 2 -- train.py --epochs 5
"""


@click.command(epilog=_EXAMPLES)
@spec_options
@click.option("-d", "--detach", is_flag=True, help="Submit, and do not follow.")
def command(spec: JobSpec, key: str | None, verbose: bool, detach: bool) -> int:
    """Submit a job and follow it to its end.

    Ctrl-C leaves the job running. The exit code is the job's outcome: 0 succeeded, 1 failed,
    6 cancelled.
    """
    if spec.array and not detach:
        raise SpecError(
            "array: run follows one job, and this is several",
            hint="launcher submit queues an array; so does launcher run --detach",
        )
    client = connect(start=True, first=lambda: expect_files(spec))
    job = send(client, spec, key, verbose=verbose)
    from launcher.cli.live import summary, watch

    if detach:
        if job.array_id:
            tell_array(job)
        else:
            summary.tell_next(job.id)
        return 0
    return watch.to_the_end(client, job)
