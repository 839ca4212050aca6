"""Tells at submit which python will run a job of this machine, and what it lacks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.cli import _output, _words
from launcher.interpreters import Findings, Inquiry, choose

if TYPE_CHECKING:
    from launcher.spec.jobspec import JobSpec
    from launcher.views import JobView

_PATIENCE_S = 5.0
_LARGEST_PROGRAM = 2**20
_NEEDS = {"pytorch": "torch"}
"""What a framework's programs import."""


class Asked:
    """The interpreter of a job that is about to be submitted: asked at once, told afterwards.

    Meanwhile the files are packed, so that its answer costs nobody time.
    """

    def __init__(self, spec: JobSpec) -> None:
        default = choose(Path(spec.workdir))
        self.path = default.path
        """For a job that names none."""
        self._spec = spec
        self._why = "" if spec.python.interpreter else f", {default.why}"
        named = _found_here(spec) if spec.python.interpreter else default.path
        self._asked = named
        module = _NEEDS.get(spec.framework, "")
        wanted = (
            (module,) if module and not spec.python.requirements and _mentions(spec, module) else ()
        )
        self._inquiry = Inquiry(named, wanted) if named else None

    def tell(self, job: JobView) -> None:
        """Say it, if the job will run with it; a job of another machine knows its own."""
        if self._inquiry is None:
            return
        findings = self._inquiry.findings(_PATIENCE_S)
        python = (job.spec or {}).get("python") or {}
        runs = python.get("interpreter") or job.own_python
        if runs != self._asked:
            if not runs and not python.get("requirements") and job.cluster != "any":
                _output.note("python: the cluster's own; python in the spec names another")
            return
        said = findings.version or f"does not answer: {findings.problem}"
        _output.note(f"python: {self._asked} ({said}){self._why}{self._of_requirements()}")
        self._warn(findings)

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

    def _warn(self, findings: Findings) -> None:
        for module in findings.missing:
            advice = f"install it there, or list it under python: {{requirements: [{module}]}}"
            warning = _output.paint("warning:", "yellow", err=True)
            _output.note(f"{warning} {self._asked} has no {module}; {advice}")


def _found_here(spec: JobSpec) -> str:
    """The interpreter that the spec names, as the server finds it if this is its machine."""
    written = spec.python.interpreter or ""
    if os.sep not in written and not written.startswith("."):
        return shutil.which(written) or ""
    path = Path(spec.workdir) / Path(written).expanduser()
    return str(path) if path.exists() else ""


def _mentions(spec: JobSpec, module: str) -> bool:
    """Whether the program itself imports the module, as far as a look into its file tells."""
    if spec.program.kind != "script":
        return spec.program.kind == "module"
    try:
        with (Path(spec.workdir) / spec.program.argv[0]).open("rb") as file:
            return module.encode() in file.read(_LARGEST_PROGRAM)
    except OSError:
        return False
