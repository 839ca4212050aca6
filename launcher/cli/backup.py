"""`launcher backup [TARGET]`: all that a server keeps, while it runs."""

from __future__ import annotations

import time
from pathlib import Path

import click

from launcher.address import NamedServer, find_server, state_dir
from launcher.cli import _output, _words
from launcher.cli._options import output_option
from launcher.errors import SpecError
from launcher.units import format_size


@click.command(
    epilog="""\b
  launcher backup                    a new file here
  launcher backup nightly/           a folder that each backup brings up to date
  launcher restore nightly/"""
)
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option(
    "--state-dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Of another server than your own, on this machine.",
)
@click.option(
    "--database", metavar="URL", envvar="LAUNCHER_DATABASE",
    help="Of a server on PostgreSQL: its database.",
)  # fmt: skip
@output_option()
def command(target: Path | None, folder: Path | None, database: str | None, output: str) -> None:
    """Copy all that a server keeps: jobs, logs, metrics, checkpoints, outputs, keys.

    The server may run. TARGET is a file, or a folder: there only what is new is copied. A backup
    holds the server's token and keys; it is readable by you alone.
    """
    address = find_server()
    if folder is None and isinstance(address, NamedServer):
        raise SpecError(
            f"commands speak to {address.url}: its backup is made on its own machine",
            hint="launcher backup --state-dir DIR there; `launcher context use local` for your own",
        )
    from launcher.server.backing_up import back_up

    target = target or Path(f"launcher-backup-{time.strftime('%Y%m%d-%H%M%S')}.tar")
    if database is not None:
        _output.note(
            "the database itself is not copied; before this, with nothing removed in between: "
            "pg_dump -Fc URL > launcher.dump"
        )
    made = back_up(
        (folder or state_dir()).absolute(),
        target.absolute(),
        database_url=database,
        tell=lambda what: _output.note(_output.paint(what, "dim", err=True)),
    )
    if output == "json":
        summary = {"target": str(target), "jobs": made.manifest.jobs, "copied": made.copied}
        _output.print_json(summary | {"sizes": made.manifest.sizes, "missing": made.missing})
        return
    print(target)
    sizes = ", ".join(f"{kind} {format_size(size)}" for kind, size in made.manifest.sizes.items())
    _output.note(f"{_words.plural(made.manifest.jobs, 'job')}: {sizes}")
    _output.note(f"{format_size(made.copied)} copied; it holds the server's keys: keep it private")
    if made.missing:
        words = _words.plural(made.missing, "file")
        _output.note(f"{words} that the database names are not there; launcher doctor")
