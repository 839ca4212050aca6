"""`launcher validate job.yaml…`: every mistake at once, nothing is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.cli import _output, _words
from launcher.cli._leftout import tell_left_out
from launcher.cli._options import output_option
from launcher.cli._python import tell_warnings
from launcher.cli._specs import set_option
from launcher.errors import SpecError
from launcher.units import format_size

if TYPE_CHECKING:
    from launcher.spec.jobspec import JobSpec


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=Path)
@set_option
@click.option("-v", "--verbose", is_flag=True, help="Name all that would not be sent, and why.")
@output_option()
def command(
    specs: tuple[Path, ...], overrides: tuple[str, ...], verbose: bool, output: str
) -> None:
    """Check specs and their files: every mistake at once, nothing is submitted. Needs no server."""
    from launcher.spec.fitness import warnings
    from launcher.spec.load import load_spec

    complaints, read = [], []
    for path in specs:
        try:
            spec = load_spec(path, overrides)
            _look_at_files(path, spec, verbose=verbose)
            tell_warnings(f"{path}: {text}" for text in warnings(spec))
        except SpecError as error:
            complaints.append(str(error))
        else:
            read.append(spec.model_dump(mode="json"))
    if complaints:
        raise SpecError("\n".join(complaints))
    if output == "json":
        _output.print_json(read[0] if len(read) == 1 else read)


def _look_at_files(path: Path, spec: JobSpec, *, verbose: bool) -> None:
    """Tells what would be sent, and what not.

    Raises:
        SpecError: every complaint about the files.
    """
    from launcher.spec.packaging import preview
    from launcher.spec.program import needed_files

    if spec.in_place:
        _output.note(f"{path}: ok; nothing is sent, it runs in {spec.workdir}")
        return
    workdir = Path(spec.workdir)
    listing = preview(workdir, required=needed_files(spec), links=spec.links)
    count = sum(item.kind == "file" for item in listing.items)
    sent = f"{_words.plural(count, 'file')}, {format_size(listing.total_bytes)}"
    _output.note(f"{path}: ok; a submit sends {sent}")
    tell_left_out(workdir, listing.left_out, verbose=verbose)
