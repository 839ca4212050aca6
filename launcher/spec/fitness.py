"""Whether a program fits the framework of its spec, as far as its text and the table tell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.frameworks import compatibility
from launcher.frameworks.compatibility import Package, Row, Situation
from launcher.spec.complaints import Draft
from launcher.spec.inspection import FRAMEWORK_OF
from launcher.spec.jobspec import JobSpec
from launcher.spec.program import program_file
from launcher.spec.signs import Signs, signs

_LARGEST_PROGRAM = 1 << 20
_SERVE_TOO = {"tensorflow": {"keras"}, "keras": {"tensorflow"}}
"""What a framework's programs import in its place, as the framework of that import."""
_OF_EVERY_PROGRAM = ("torch", "tensorflow", "keras", "jax", "horovod", "numpy")


@dataclass(frozen=True)
class Program:
    """What could be read of a spec's program."""

    name: str
    """As it is told to people."""
    signs: Signs
    folder: Path
    """Where python looks first for its modules."""


def read_program(spec: JobSpec, workdir: Path) -> Program:
    """Read the program of a spec; what cannot be read shows no signs."""
    file = program_file(spec.program, workdir)
    if not isinstance(file, Path) or spec.program.kind not in {"script", "module"}:
        return Program(spec.program.argv[0], Signs(), workdir)
    name = os.path.relpath(file, workdir)
    folder = file.parent if spec.program.kind == "script" else workdir
    try:
        with file.open("rb") as opened:
            return Program(name, signs(opened.read(_LARGEST_PROGRAM), name), folder)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return Program(name, Signs(), folder)


def situation(
    spec: JobSpec, program: Program, packages: Mapping[str, Package] | None = None
) -> Situation:
    """What is known of a job at its submit.

    Args:
        spec: of the job.
        program: as it was read.
        packages: of its interpreter, where that is known.
    """
    traits = frozenset(program.signs.traits or ()) | compatibility.environment_traits(spec.env)
    if program.signs.traits is None and spec.program.kind == "module":
        traits |= {compatibility.IMPORTS_TORCH}  # one that is installed: it may
    return Situation(spec.framework, spec.strategy, spec.resources.most, traits, packages or {})


def check_fitness(spec: JobSpec, workdir: Path, draft: Draft) -> None:
    """Complain about what is known to fail, whatever the versions."""
    if spec.framework == "command":
        return
    program = read_program(spec, workdir)
    for row in compatibility.problems(situation(spec, program)):
        if row.verdict == "refused":
            path = tuple(row.key.split(".")) if row.key else ("entrypoint",)
            draft.complain(path, _told(row, program))


def warnings(
    spec: JobSpec, packages: Mapping[str, Package] | None = None, python: str = ""
) -> list[str]:
    """What the author of a spec should hear before its job fails, or trains in vain.

    Args:
        spec: with an absolute workdir.
        packages: what the job's interpreter has, where that is known.
        python: its path.
    """
    if spec.framework == "command":
        return []
    program = read_program(spec, Path(spec.workdir))
    known = situation(spec, program, packages)
    found = [*_contradictions(spec, program), *_other_keras(spec, program), *_shadows(program)]
    found += [_told(row, program) for row in compatibility.problems(known)]
    lack = compatibility.lack(known, python)
    return [*found, lack] if lack else found


def question(spec: JobSpec) -> list[str]:
    """Arguments for the job's interpreter that make it tell what it has; none: no need."""
    if spec.framework == "command" or spec.python.requirements:
        return []
    program = read_program(spec, Path(spec.workdir))
    return compatibility.question(situation(spec, program), str(program.folder))


def _told(row: Row, program: Program) -> str:
    lines = program.signs.traits or {}
    shown = [lines[trait] for trait in row.traits[-1:] if trait in lines]
    where = f"{program.name}:{shown[0]}: " if shown else ""
    return f"{where}{row.words}"


def _contradictions(spec: JobSpec, program: Program) -> Iterator[str]:
    """Imports that say another framework than the spec."""
    imports = program.signs.imports
    found = {FRAMEWORK_OF[name]: name for name in reversed(FRAMEWORK_OF) if name in imports}
    fitting = {spec.framework, *_SERVE_TOO.get(spec.framework, ())}
    other = "horovod" if "horovod" in found else next(iter(reversed(found)), "")
    if other and other not in fitting and ("horovod" in found or fitting.isdisjoint(found)):
        yield (
            f"{program.name} imports {found[other]}, but framework is {spec.framework}; "
            f"write framework: {other}, or framework: command for a program that needs no help"
        )


def _other_keras(spec: JobSpec, program: Program) -> Iterator[str]:
    """It sets KERAS_BACKEND itself, after the launcher did."""
    wanted = program.signs.keras_runs_on
    if spec.framework == "keras" and wanted not in {"", spec.strategy}:
        yield (
            f"{program.name} sets KERAS_BACKEND to {wanted}, but keras.backend is {spec.strategy}; "
            f"write keras: {{backend: {wanted}}}, so that the workers are started for it"
        )


def _shadows(program: Program) -> Iterator[str]:
    """Files of the job that python finds in place of a package."""
    for name in _OF_EVERY_PROGRAM:
        file = program.folder / f"{name}.py"
        if name in program.signs.imports and file.is_file():
            yield (
                f"{program.name} imports {name}, and python finds {file.name} of its own folder "
                "in place of the package; rename the file"
            )
