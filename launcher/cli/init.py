"""`launcher init`: a job.yaml to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from launcher.cli import _output
from launcher.errors import ConflictError, SpecError


@click.command()
@click.argument("program", nargs=-1, metavar="[-- PROGRAM...]")
@click.option("--framework", type=click.Choice(["pytorch", "command"]), help="Default: guessed.")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    default=Path("job.yaml"),
    show_default=True,
    help="File to write, or - for stdout.",
)
def command(program: tuple[str, ...], framework: str | None, file: Path) -> None:
    """Write a commented job.yaml for a program, as `launcher init -- train.py --epochs 5`."""
    from launcher.spec.entrypoint import is_python
    from launcher.spec.template import job_template

    framework = framework or ("pytorch" if not program or is_python(program) else "command")
    try:
        text = job_template(shlex.join(program or ("train.py",)), framework)
    except ValueError as error:
        raise SpecError(f"{shlex.join(program)}: {error}") from error
    if str(file) == "-":
        print(text, end="")
        return
    try:
        with file.open("x") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise ConflictError(f"{file} exists already", hint="-f names another file") from error
    except OSError as error:
        raise SpecError(f"{file} cannot be written: {error.strerror}") from error
    print(file)
    _output.note(f"next: launcher validate {file}, launcher run {file}")
