"""What a job wants of this machine, where its nodes are this machine: its folders are looked at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from launcher.errors import SpecError
from launcher.scheduler.state import ANY
from launcher.server.control import Control
from launcher.server.floor import EMBEDDED
from launcher.spec.jobspec import JobSpec


def bound_here(control: Control, spec: JobSpec, *, embedded: bool) -> JobSpec:
    """The spec, held to the embedded cluster when it runs in place.

    Args:
        control: knows the clusters.
        spec: validated.
        embedded: this server has a cluster on this machine.

    Raises:
        SpecError: it cannot run in place, or a folder that it needs is not on this machine.
    """
    if spec.in_place:
        _must_be_embedded(spec, embedded=embedded)
        spec = spec.model_copy(update={"cluster": EMBEDDED})
        if not Path(spec.workdir).is_dir():
            raise SpecError(f"in_place: there is no folder {spec.workdir} on this machine")
    if embedded and _runs_here(control, spec.cluster):
        missing = [
            f"links.{name}: {target} does not exist on this machine"
            for name, target in spec.links.items()
            if not Path(target).exists()
        ]
        if missing:
            raise SpecError("\n".join(missing))
        spec = _with_interpreter_found(spec)
    return spec


def _with_interpreter_found(spec: JobSpec) -> JobSpec:
    """The spec with the whole path of the interpreter that it names, which is there and can run."""
    written = spec.python.interpreter
    if written is None:
        return spec
    if os.sep not in written and not written.startswith("."):
        found = shutil.which(written)
        if found is None:
            raise SpecError(
                f"python.interpreter: {written} is not on the PATH of this machine's server",
                hint="write its whole path",
            )
        path = Path(found)
    else:
        # An environment that lies in the workdir is not sent: it works where it lies.
        path = Path(spec.workdir) / Path(written).expanduser()
        if not path.exists() and not written.startswith(("/", "~")):
            return spec  # a file that the package brings, or the agent says what is missing
    fault = _fault(path)
    if fault:
        raise SpecError(f"python.interpreter: {path} {fault}")
    chosen = spec.python.model_copy(update={"interpreter": str(path)})
    return spec.model_copy(update={"python": chosen})


def _fault(path: Path) -> str:
    if not path.exists():
        broken = "is a link to nothing" if path.is_symlink() else "does not exist"
        return f"{broken} on this machine"
    if path.is_dir():
        near = path / "bin" / "python"
        return f"is a folder; {f'did you mean {near}' if near.exists() else 'name its python'}"
    return "" if os.access(path, os.X_OK) else "is not executable"


def _runs_here(control: Control, cluster: str) -> bool:
    """Whether no other cluster can take the job."""
    if cluster != ANY:
        return cluster == EMBEDDED
    return all(view.name == EMBEDDED for view in control.floor.clusters())


def _must_be_embedded(spec: JobSpec, *, embedded: bool) -> None:
    if not embedded:
        raise SpecError(
            "in_place: the nodes of this server cannot see your folder",
            hint="leave --in-place out to send the folder, or use your own server: "
            "unset LAUNCHER_SERVER",
        )
    if spec.cluster not in {ANY, EMBEDDED}:
        raise SpecError(
            f"in_place: only the cluster {EMBEDDED} is on this machine, not {spec.cluster}",
            hint="leave --in-place out to send the folder, or leave cluster out",
        )
