"""Tells at submit which python will run a job of this machine, and what it lacks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli import _output, _words
from launcher.interpreters import Findings, Inquiry, choose

if TYPE_CHECKING:
    from launcher.spec.jobspec import JobSpec
    from launcher.views import JobView

_PATIENCE_S = 5.0


class Asked:
    """The interpreter of a job that is about to be submitted: asked at once, told afterwards.

    Meanwhile the files are packed, so that its answer costs nobody time.
    """

    def __init__(self, spec: JobSpec) -> None:
        from launcher.spec.fitness import question

        default = choose(Path(spec.workdir))
        self.path = default.path
        """For a job that names none."""
        self._spec = spec
        self._why = "" if spec.python.interpreter else f", {default.why}"
        named = _found_here(spec) if spec.python.interpreter else default.path
        self._asked = named
        self._inquiry = Inquiry(named, question(spec)) if named else None

    def tell(self, job: JobView) -> None:
        """Say it, if the job will run with it; a job of another machine knows its own.

        And what in the program does not go together with its framework, and with the versions that
        it will find.
        """
        from launcher.frameworks.compatibility import read_answer
        from launcher.spec.fitness import warnings

        findings = self._tell_python(job)
        packages = read_answer(findings.output)[1] if findings else {}
        tell_warnings(warnings(self._spec, packages, self._asked))

    def _tell_python(self, job: JobView) -> Findings | None:
        """What the job's python says of itself; None when it is another."""
        if self._inquiry is None:
            return None
        findings = self._inquiry.findings(_PATIENCE_S)
        python = (job.spec or {}).get("python") or {}
        runs = python.get("interpreter") or job.own_python
        if runs != self._asked:
            if not runs and not python.get("requirements") and job.cluster != "any":
                _output.note("python: the cluster's own; python in the spec names another")
            return None
        here = ", on this machine" if job.own_python and job.cluster == "any" else ""
        said = findings.version or f"does not answer: {findings.problem}"
        _output.note(f"python: {self._asked} ({said}){self._why}{here}{self._of_requirements()}")
        return findings

    def _of_requirements(self) -> str:
        wanted = self._spec.python.requirements
        if wanted is None:
            return ""
        if isinstance(wanted, str):
            what = wanted
        else:
            packages = [line for line in wanted if not line.startswith("-")]
            what = _words.plural(len(packages), "requirement")
        return f"; an environment of {what} is made with it"


def tell_warnings(texts: Iterable[str]) -> None:
    """To stderr, each marked as one."""
    for text in texts:
        _output.note(f"{_output.paint('warning:', 'yellow', err=True)} {text}")


def _found_here(spec: JobSpec) -> str:
    """The interpreter that the spec names, as the server finds it if this is its machine."""
    written = spec.python.interpreter or ""
    if os.sep not in written and not written.startswith("."):
        return shutil.which(written) or ""
    path = Path(spec.workdir) / Path(written).expanduser()
    return str(path) if path.exists() else ""
