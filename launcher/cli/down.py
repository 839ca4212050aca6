"""`launcher down`: stop this user's own server and Ray."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from launcher.address import state_dir
from launcher.cli import _output, _words
from launcher.cli._options import yes_option
from launcher.client import Client
from launcher.errors import ConflictError, LauncherError
from launcher.model.states import ACTIVE
from launcher.units import format_size


@click.command()
@click.option("--purge", is_flag=True, help="Also delete all jobs, logs, metrics, checkpoints.")
@yes_option
def command(purge: bool, yes: bool) -> None:
    """Stop your own server and Ray on this machine; what they know stays for the next start."""
    folder = state_dir()
    from launcher.clusters.local import LocalRay
    from launcher.server.process import running_server, stop_server

    _tell_of_attached(folder, purge=purge)
    runs = running_server(folder) is not None
    if runs and not yes:
        _ask_about_jobs()
    if purge and not yes and folder.exists():
        size = format_size(_size(folder))
        click.confirm(f"delete all jobs in {folder} ({size}) for good?", abort=True, err=True)
    files_of_jobs = _jobs_folder() if runs and purge else None
    stop_server(folder)
    ray = LocalRay(folder / "ray")
    had_ray, preloaded = ray.memory_bytes() > 0, ray.preloaded_bytes()
    ray.stop()
    too = f", preloaded interpreters too ({format_size(preloaded)})" if preloaded else ""
    _output.note(f"stopped{too}" if runs or had_ray else "nothing was running")
    if purge and folder.exists():
        shutil.rmtree(folder)
        if files_of_jobs is not None:
            shutil.rmtree(files_of_jobs, ignore_errors=True)
        _output.note(f"deleted {folder}")


def _tell_of_attached(folder: Path, *, purge: bool) -> None:
    """Attached clusters outlive their server, and only it can detach them.

    Raises:
        ConflictError: it shall be forgotten with all that it knows.
    """
    from launcher.server.attachments import Attachments

    names = ", ".join(one.name for one in Attachments(folder).all())
    if names and purge:
        raise ConflictError(
            f"clusters are attached to this server: {names}",
            hint="launcher detach ends its executor there; then purge",
        )
    if names:
        _output.note(f"{names}: executors of attached clusters wait there for the next launcher up")


def _jobs_folder() -> Path:
    """Where the agents of this server keep their jobs' files on this machine."""
    from launcher.executor.folders import jobs_root

    return jobs_root(Client.embedded(start=False).server().server_id)


def _ask_about_jobs() -> None:
    """Nobody shall interrupt a training by accident."""
    try:
        running = Client.embedded(start=False).jobs([state.value for state in ACTIVE])
    except LauncherError as error:
        _output.note(f"its jobs are not known: {error}")
        return
    if running:
        for job in running:
            _output.note(f"{job.id}  {job.state}  {_words.steps(job.progress)}")
        what = _words.plural(len(running), "job")
        click.confirm(
            f"this interrupts {what}; they go on from their newest checkpoints after the next "
            "launcher up. stop?",
            abort=True,
            err=True,
        )


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
