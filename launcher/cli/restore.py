"""`launcher restore BACKUP`: a backup becomes the state of a server again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.address import state_dir
from launcher.cli import _output, _words
from launcher.units import format_duration, format_size

if TYPE_CHECKING:
    from launcher.store.backups import Manifest


@click.command()
@click.argument("backup", type=click.Path(path_type=Path))
@click.option(
    "--state-dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to. Default: your own server's.",
)
@click.option("--force", is_flag=True, help="Put what is there aside, within the folder.")
@click.option("--check", is_flag=True, help="Only verify the backup, and say what it holds.")
def command(backup: Path, folder: Path | None, force: bool, check: bool) -> None:
    """Make the state of a server out of a backup; every file is verified by its hash.

    Jobs that run go on, and report to the restored server. What happened after the backup is lost
    to it: jobs that were submitted since are not known any more, and what runs of them is left
    alone and told as an orphan by launcher doctor.
    """
    from launcher.server import restoring

    def tell(what: str) -> None:
        _output.note(_output.paint(what, "dim", err=True))

    if check:
        print(_told(restoring.check(backup, tell)))
        _output.note("every file is as it was backed up")
        return
    target = (folder or state_dir()).absolute()
    manifest, aside = restoring.restore(backup, target, force=force, tell=tell)
    print(target)
    _output.note(_told(manifest))
    if aside is not None:
        _output.note(f"what was there lies in {aside.name} there; delete it when all is well")
    if not manifest.database:
        _output.note("now the database: pg_restore --clean -d URL launcher.dump")
    if folder is None:
        _output.note("next: launcher up")


def _told(manifest: Manifest) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest.made_at))
    ago = format_duration(max(time.time() - manifest.made_at, 0) // 1)
    size = format_size(sum(entry.size for entry in manifest.files))
    jobs = _words.plural(manifest.jobs, "job")
    return f"backup of {moment} ({ago} ago): {jobs}, {len(manifest.files):,} files, {size}"
