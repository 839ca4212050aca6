"""`launcher validate job.yaml…`: every mistake at once, nothing is submitted."""

from __future__ import annotations

from pathlib import Path

import click

from launcher.cli import _output
from launcher.cli._options import output_option
from launcher.cli._specs import set_option
from launcher.errors import SpecError


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=Path)
@set_option
@output_option()
def command(specs: tuple[Path, ...], overrides: tuple[str, ...], output: str) -> None:
    """Check specs: every mistake at once, nothing is submitted. Needs no server."""
    from launcher.spec.load import load_spec

    complaints, read = [], []
    for path in specs:
        try:
            read.append(load_spec(path, overrides).model_dump(mode="json"))
        except SpecError as error:
            complaints.append(str(error))
        else:
            _output.note(f"{path}: ok")
    if complaints:
        raise SpecError("\n".join(complaints))
    if output == "json":
        _output.print_json(read[0] if len(read) == 1 else read)
