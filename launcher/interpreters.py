"""Which python runs a job on this machine when its spec names none, and what that python is.

The one that the user's own tools would take in the job's folder, so that a launcher which lives in
an environment of its own (pipx, `uv tool install`) runs the programs of every project.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_OF_A_TOOL = ("pipx_metadata.json", "uv-receipt.toml")
"""What pipx and uv leave in an environment that holds one tool and nothing of a project."""
_BASE_NAMES = frozenset({"base", "root"})
_ASK = (
    "-c",
    """import sys; print('{"python": "%d.%d.%d"}' % sys.version_info[:3])""",
)
_LONGEST_S = 30.0
_VERSION = re.compile(r'"python": "(\d+\.\d+\.\d+)"')


@dataclass(frozen=True)
class Interpreter:
    path: str
    why: str
    """Whose it is, in words."""


@dataclass(frozen=True)
class Findings:
    """What an interpreter says of itself."""

    path: str
    version: str = ""
    output: str = ""
    """All that it printed."""
    problem: str = ""
    """Why it says nothing; empty when it does."""


def choose(
    workdir: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    own: str = sys.executable,
    prefix: str = sys.prefix,
) -> Interpreter:
    """The interpreter for a job of this folder.

    In this order: the active virtual environment, the active conda environment unless it is the
    base one (which many shells activate always), `.venv` in the folder or above it, conda's base,
    our own, and for a launcher that lives apart as a tool, the shell's.

    Args:
        workdir: the job's folder.
        environ: of the shell.
        own: the interpreter that runs us.
        prefix: its environment.
    """
    for found in _candidates(workdir, environ):
        return found
    if any(Path(prefix, mark).exists() for mark in _OF_A_TOOL):
        for name in ("python", "python3"):
            path = shutil.which(name, path=environ.get("PATH", os.defpath))
            if path is not None and Path(path).resolve() != Path(own).resolve():
                return Interpreter(path, "the shell's")
    return Interpreter(own, "launcher's own")


def _candidates(workdir: Path, environ: Mapping[str, str]) -> Iterator[Interpreter]:
    yield from _in(environ.get("VIRTUAL_ENV"), "the active environment")
    conda = environ.get("CONDA_PREFIX")
    is_base = environ.get("CONDA_DEFAULT_ENV") in _BASE_NAMES
    if not is_base:
        yield from _in(conda, "the active environment")
    for folder in (workdir, *workdir.parents):
        place = folder / ".venv"
        if _is_safe(place):
            yield from _in(str(place), "the project's environment")
    if is_base:
        yield from _in(conda, "conda's base environment")


def _in(environment: str | None, why: str) -> Iterator[Interpreter]:
    if environment:
        python = Path(environment, "bin", "python")
        if os.access(python, os.X_OK):
            yield Interpreter(str(python), why)


def _is_safe(environment: Path) -> bool:
    """Ours or the administrator's: what somebody else put into a folder above is not run."""
    with contextlib.suppress(OSError):
        return environment.stat().st_uid in {os.getuid(), 0}
    return False


class Inquiry:
    """Asks an interpreter for its version, and what else it can tell; begun at once.

    Args:
        path: of the interpreter.
        question: arguments for it, of a program that prints JSON with its version as `python`.
    """

    def __init__(self, path: str, question: Sequence[str] = ()) -> None:
        self._path, self._question = path, tuple(question) or _ASK
        self._findings = Findings(path, problem="no answer yet")
        self._thread = threading.Thread(target=self._ask, name="inquiry", daemon=True)
        self._thread.start()

    def findings(self, patience_s: float) -> Findings:
        """The answer; a problem when there is none within `patience_s` seconds."""
        self._thread.join(patience_s)
        return self._findings

    def _ask(self) -> None:
        self._findings = _asked(self._path, self._question)


def _asked(path: str, question: tuple[str, ...]) -> Findings:
    try:
        # Not isolated (-I): what PYTHONPATH brings is found by the program too.
        done = subprocess.run(
            [path, *question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=os.sep,
            timeout=_LONGEST_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        return Findings(path, problem=last[0])
    except subprocess.TimeoutExpired:
        return Findings(path, problem=f"no answer within {_LONGEST_S:g} s")
    except OSError as error:
        return Findings(path, problem=error.strerror or str(error))
    version = _VERSION.search(done.stdout)
    if version is None:
        return Findings(path, problem="it does not answer as a python")
    return Findings(path, version[1], done.stdout)


def compiles(path: str, file: Path, patience_s: float = 10.0) -> bool:
    """Whether an interpreter can read a program; grammars grow from version to version."""
    code = "import sys; f = sys.argv[1]; compile(open(f, 'rb').read(), f, 'exec')"
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-W", "ignore", "-c", code, str(file)],
            capture_output=True,
            check=False,
            timeout=patience_s,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
