"""What an interpreter may import before it knows the program that it will run.

A rank that is forked from such an interpreter must behave as one that python started: the same
modules, and read under the same environment. What could make a difference is looked for in the
program's own files, and where there is any doubt the rank starts cold, as it always did:

- only packages are preloaded that the program imports at the top of its files, before any other
  package that we do not know;
- a program that changes the environment which those packages read, or where python looks for
  modules, would find that done too late;
- variables that packages read while they are imported must be the same; an interpreter
  was preloaded under one set of them, which is part of its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher.executor.own_files import OwnFiles, file_of, is_early
from launcher.model.launch import Launch

_MAIN = frozenset({"torch", "tensorflow", "keras", "jax"})
"""Without one of these there is too little to gain."""

_COLD = frozenset({"LD_PRELOAD", "PYTHONINSPECT", "PYTHONPROFILEIMPORTTIME", "PYTHONDUMPREFS"})


@dataclass(frozen=True)
class Preload:
    """What to import before a program runs, or why nothing."""

    modules: tuple[str, ...] = ()
    """In the order in which the program does it."""
    reason: str = ""
    """Why the program must start cold; empty: it need not."""


@dataclass(frozen=True)
class Wanted:
    """An interpreter with modules imported, under some variables."""

    python: str
    modules: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Its early variables, and what it needs beside to start."""

    @property
    def key(self) -> str:
        """The same for interpreters that are the same to a program."""
        early = sorted((name, value) for name, value in self.env.items() if is_early(name))
        text = json.dumps([self.python, self.modules, early])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def wanted(
    preload: Preload, python: str, env: Mapping[str, str], secrets: Sequence[str]
) -> Wanted | None:
    """The interpreter from which ranks of this environment may be forked; None: from no one.

    Args:
        preload: what their program imports.
        python: their interpreter.
        env: their whole environment.
        secrets: names of variables that no other process may have.
    """
    early = {name: value for name, value in env.items() if is_early(name)}
    if not preload.modules or early.keys() & _COLD or early.keys() & set(secrets):
        return None
    if "COVERAGE_PROCESS_START" in env:
        return None
    kept = {name: env[name] for name in ("PATH", "USER", "LOGNAME", "SHELL") if name in env}
    return Wanted(python, preload.modules, kept | early)


def preload_of(launch: Launch, work: Path) -> Preload:
    """What the program of a job allows.

    Args:
        launch: the job.
        work: folder that its ranks begin in.
    """
    program = launch.entrypoint
    if not launch.warm_start:
        return Preload(reason="python.warm_start is false")
    if program.kind not in {"script", "module"}:
        return Preload(reason=f"a {program.kind} entrypoint starts its python by itself")
    if set(program.python_flags) - {"-u"}:
        return Preload(reason=f"python has flags: {' '.join(program.python_flags)}")
    if program.kind == "script":
        root, first = (work / program.argv[0]).parent, work / program.argv[0]
    else:
        found = file_of(program.argv[0], work)
        if found is None:
            return Preload(reason=f"{program.argv[0]} is no module of the job's folder")
        main = found.with_name("__main__.py")
        root, first = work, main if found.name == "__init__.py" and main.exists() else found
    return _judged(OwnFiles(root), first)


def _judged(program: OwnFiles, first: Path) -> Preload:
    try:
        program.read(first)
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        return Preload(reason=f"its files cannot be read: {error}")
    if program.reason:
        return Preload(reason=program.reason)
    if not _MAIN & {module.partition(".")[0] for module in program.modules}:
        return Preload(reason="it imports nothing at its top that takes long")
    return Preload(tuple(program.modules))
