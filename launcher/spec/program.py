"""Checks the program of a spec before it waits for GPUs: it is there, and python can compile it."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from pathlib import Path

from launcher.errors import SpecError
from launcher.interpreters import choose, compiles
from launcher.model.launch import Entrypoint
from launcher.spec.complaints import Complaint, Draft, in_file
from launcher.spec.jobspec import JobSpec
from launcher.spec.requirements import needed_requirements
from launcher.spec.values import WrongValueError


def check_program(spec: JobSpec, workdir: Path, draft: Draft) -> None:
    """Complains about the python file that the entrypoint names; other programs are not looked at.

    A module that the workdir does not hold may be installed on the nodes, so it is not looked for.
    """
    file = program_file(spec.program, workdir)
    if isinstance(file, str):
        draft.complain(("entrypoint",), file)
    elif file is not None and spec.python.interpreter is None:
        complaints = _syntax_complaints(file)
        # Another interpreter may be newer than ours, and so its grammar.
        if complaints and not _reads(choose(workdir).path, file):
            draft.complaints += complaints


def check_requirements(spec: JobSpec, workdir: Path, draft: Draft) -> None:
    """Complains about a file of requirements that is not there, or includes one that is not."""
    file = spec.python.requirements
    if isinstance(file, str):
        try:
            needed_requirements(file, workdir)
        except WrongValueError as error:
            draft.complain(("python", "requirements"), str(error))


def needed_files(spec: JobSpec) -> tuple[str, ...]:
    """Files of the workdir without which the job cannot run: the `required` of `pack`.

    Raises:
        SpecError: the file of requirements cannot be read.
    """
    script = spec.program.argv[:1] if spec.program.kind == "script" else ()
    file = spec.python.requirements
    if not isinstance(file, str):
        return script
    try:
        return (*script, *needed_requirements(file, Path(spec.workdir)))
    except WrongValueError as error:
        raise SpecError(f"python.requirements: {error}") from error


def program_file(program: Entrypoint, workdir: Path) -> Path | str | None:
    """The python file that runs, words when it is missing, None when there is none to look at."""
    if program.kind == "script":
        file = workdir / program.argv[0]
        return file if file.is_file() else _missing(program.argv[0], file, workdir)
    if program.kind == "exec":
        return _executable(program.argv[0], workdir)
    return _module_file(program.argv[0], workdir) if program.kind == "module" else None


def _executable(name: str, workdir: Path) -> str | None:
    """What is wrong with a program that is named by its path in the workdir; None: nothing."""
    is_of_workdir = "/" in name and not name.startswith(("/", "~", "../"))
    if not is_of_workdir or "$" in name:
        return None
    file = workdir / name
    if file.is_file():
        words = f"{name!r} is not executable; chmod +x {name}, or name its interpreter: bash {name}"
        return None if os.access(file, os.X_OK) else words
    inside = file.parent.is_dir() and not any(part.is_symlink() for part in (file, *file.parents))
    return _missing(name, file, workdir) if inside or file.is_dir() else None


def _module_file(module: str, workdir: Path) -> Path | str | None:
    """The file that `-m` runs; None when it is not of the workdir, words when it is missing."""
    top = module.split(".", 1)[0]
    if not ((workdir / top).is_dir() or (workdir / f"{top}.py").is_file()):
        return None
    stem = workdir.joinpath(*module.split("."))
    for file in (stem.with_name(f"{stem.name}.py"), stem / "__main__.py"):
        if file.is_file():
            return file
    if stem.is_dir():
        return f"the package {module} has no __main__.py, so -m cannot run it"
    return _missing(module, stem.with_name(f"{stem.name}.py"), workdir)


def _missing(name: str, file: Path, workdir: Path) -> str:
    if file.is_dir():
        return f"{name!r} is a folder, not a program"
    scripts = _scripts(workdir)
    as_path = file.relative_to(workdir).as_posix()
    near = difflib.get_close_matches(as_path, scripts, n=2)
    near += [script for script in scripts if Path(script).name == file.name and script not in near]
    words = f"{name!r} is not in the workdir {workdir}"
    if near:
        return f"{words}; did you mean {' or '.join(near[:2])}"
    return f"{words}; {'it holds ' + ', '.join(scripts[:3]) if scripts else 'no python file is'}"


def _reads(python: str, file: Path) -> bool:
    return python != sys.executable and compiles(python, file)


def _scripts(workdir: Path) -> list[str]:
    """Python files of the workdir and of the folders right in it, the nearest first."""
    found = [*workdir.glob("*.py"), *workdir.glob("*/*.py")][:1000]
    return sorted((file.relative_to(workdir).as_posix() for file in found), key=_depth_and_name)


def _depth_and_name(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _syntax_complaints(file: Path) -> list[Complaint]:
    shown = os.path.relpath(file)
    if shown.startswith(".."):
        shown = str(file)
    try:
        source = file.read_bytes()
    except OSError as error:
        return [Complaint(in_file(shown, 0, 0), "", f"cannot be read: {error.strerror}")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own warnings are its author's
            compile(source, shown, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = in_file(shown, error.lineno or 1, error.offset or 1)
        return [Complaint(place, "", f"syntax error: {error.msg}")]
    except ValueError as error:  # a NUL byte, before Python 3.12
        return [Complaint(in_file(shown), "", f"syntax error: {error}")]
    return []
