"""`launcher init`: a job.yaml to begin with, proposed from the program's own text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.cli import _output
from launcher.cli._usage import did_you_mean
from launcher.errors import ConflictError, SpecError

if TYPE_CHECKING:
    from launcher.spec.inspection import Inspection

_USUAL = ("train.py", "main.py")
_EXAMPLES = """\b
  launcher init train.py
  launcher init -- torchrun --nproc-per-node 2 train.py --epochs 5
"""


@click.command(epilog=_EXAMPLES)
@click.argument("program", nargs=-1, metavar="[SCRIPT | -- PROGRAM...]")
@click.option("--framework", help="Default: as the program's imports say.")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    default=Path("job.yaml"),
    show_default=True,
    help="File to write, or - for stdout.",
)
def command(program: tuple[str, ...], framework: str | None, file: Path) -> None:
    """Write a commented job.yaml for a program, by default for train.py or main.py here.

    The program is read, never executed: its imports give the framework, what it saves gives
    checkpoints.watch. A file that is there is never overwritten.
    """
    from launcher.spec.entrypoint import is_python
    from launcher.spec.template import propose
    from launcher.spec.translation import is_launch_line

    argv = program or (_usual_script(),)
    _expect_sense(program, framework)
    if not (framework or is_python(argv) or is_launch_line(argv)):
        framework = "command"
    try:
        text = propose(argv, _inspected(argv), framework, links=_links_out(Path()))
    except ValueError as error:
        raise SpecError(f"{' '.join(argv)}: {error}") from error
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


def _expect_sense(program: Sequence[str], framework: str | None) -> None:
    """Raises SpecError for what can only be a slip; a program may also be written later."""
    from launcher.spec.frameworks import FRAMEWORKS

    if framework is not None and framework not in FRAMEWORKS:
        near = did_you_mean(framework, FRAMEWORKS)
        raise SpecError(f"--framework {framework}: is none of {', '.join(FRAMEWORKS)}{near}")
    if len(program) != 1 or Path(program[0]).is_file():
        return
    (name,) = program
    if Path(name).is_dir():
        raise SpecError(f"{name} is a folder, not a program", hint=f"cd {name}; launcher init")
    near = did_you_mean(name, [path.name for path in Path().glob("*.py")])
    if near:
        raise SpecError(f"{name} is not here{near}")


def _links_out(folder: Path) -> dict[str, str]:
    """Symlinks right in the folder to folders out of it, as people have them for their data."""
    here = folder.resolve()
    found = {}
    for path in sorted(folder.iterdir()):
        target = path.resolve()
        is_data = not path.name.startswith(".") and not (target / "pyvenv.cfg").exists()
        leads_out = path.is_symlink() and target.is_dir() and not target.is_relative_to(here)
        if is_data and leads_out:
            found[path.name] = str(target)
    return found


def _usual_script() -> str:
    """The program that this folder is about, as far as its names tell."""
    for name in _USUAL:
        if Path(name).is_file():
            return name
    scripts = sorted(path.name for path in Path().glob("*.py"))
    return scripts[0] if len(scripts) == 1 else _USUAL[0]


def _inspected(argv: Sequence[str]) -> Inspection | None:
    """What the script among these words tells of itself; None when there is none to read.

    Raises:
        SpecError: it is no python.
    """
    from launcher.spec.inspection import inspect

    script = next((Path(word) for word in argv if word.endswith(".py")), None)
    if script is None or not script.is_file():
        return None
    try:
        return inspect(script.read_text("utf-8"), str(script))
    except SyntaxError as error:
        place = f"{script}:{error.lineno or 1}:{error.offset or 1}"
        raise SpecError(f"{place}: syntax error: {error.msg}") from error
    except (OSError, ValueError) as error:
        raise SpecError(f"{script} cannot be read: {error}") from error
