"""`launcher tensorboard JOB...`: the curves of jobs in TensorBoard, while they grow."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from launcher.cli import _completing, _output
from launcher.cli._options import PORT, connect
from launcher.errors import LauncherError, NotFoundError

if TYPE_CHECKING:
    from launcher.cli._event_files import EventFiles
    from launcher.follow import Message

_PATIENCE_S = 5.0
_RELOAD_S = 2


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...", shell_complete=_completing.jobs)
@click.option("--port", type=PORT, help="Where it listens here. Default: 6006, or the next free.")
def command(*, jobs: tuple[str, ...], port: int | None) -> int:
    """The curves of jobs in TensorBoard, which runs here until Ctrl-C; attempts are its runs.

    All that launcher has of them is shown, wherever it came from, and what comes meanwhile.
    """
    client = connect()
    found = {client.job(ref).id: None for ref in jobs}
    if importlib.util.find_spec("tensorboard") is None:
        raise NotFoundError(
            f"tensorboard is not installed for {sys.executable}",
            hint="pip install 'trainlaunch[tensorboard]'; launcher metrics JOB needs nothing",
        )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with tempfile.TemporaryDirectory(prefix="launcher-tensorboard-") as folder:
        from launcher.cli._event_files import EventFiles

        files = EventFiles(Path(folder))
        for job in found:
            messages = client.follow(job, logs="none")
            threading.Thread(target=_fill, args=(files, job, messages), daemon=True).start()
        _output.note(f"TensorBoard of {', '.join(found)}; Ctrl-C ends it")
        try:
            return _show(Path(folder), port)
        finally:
            files.close()


def _fill(files: EventFiles, job: str, messages: Iterator[Message]) -> None:
    """Write the points of a job as they come, on a thread of its own."""
    from launcher.follow import MetricsBatch

    try:
        for message in messages:
            if isinstance(message, MetricsBatch):
                files.add(job, message.points)
    except (LauncherError, OSError, ValueError) as error:
        _output.note(f"{job} is not followed any more: {error}")


def _show(folder: Path, port: int | None) -> int:
    """Run TensorBoard until somebody ends it; gives its exit code."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)),
            *("--reload_interval", str(_RELOAD_S), "--load_fast", "false"),
            *(("--port", str(port)) if port else ()),
        ],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        start_new_session=True,  # Ctrl-C is ours: its own words about it would stand below
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
        process.kill()
        process.wait()


def _leave(number: int, _frame: object) -> NoReturn:
    """What was begun is given back on the way out."""
    raise SystemExit(128 + number)
