"""`launcher doctor --install horovod`: from an interpreter to one that has Horovod."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from launcher.cli import _output
from launcher.cli.installing import recipe, toolchain
from launcher.cli.installing.build import Build
from launcher.cli.installing.commands import install, run
from launcher.cli.installing.recipe import Target
from launcher.interpreters import choose
from launcher.units import format_duration

_MINUTES = "about 6 minutes of two CPUs"
_CHECK = """
import importlib, sys
for name in sys.argv[1:]:
    hvd = importlib.import_module(f"horovod.{name}")
    hvd.init()
    print("horovod." + name, "gloo", bool(hvd.gloo_built()), "nccl", bool(hvd.nccl_built()))
"""
_EVERY_PERCENT = 10


def install_horovod(python: str | None, jobs: int | None) -> None:
    """Build it, or take the wheel that was built before; install it; see that it imports.

    Args:
        python: that shall have it; None: the one that runs jobs of this folder.
        jobs: compilers at a time; None: as many as CPUs and memory allow.
    """
    target = toolchain.ask(_found(python) if python else _chosen())
    tools = toolchain.find(target)
    fitting = toolchain.jobs_for(os.cpu_count() or 1, toolchain.free_memory())
    build = Build(target, tools, jobs or fitting, say=_output.note, progress=_Shown())
    if build.cached() is None:
        _output.note(
            f"building Horovod {recipe.VERSION} for {target.frameworks} ({target.python}):"
            f" {_MINUTES}, once for these versions"
        )
        if target.cuda and not tools.has_nccl:
            _output.note(_without_nccl(target))
    began = time.monotonic()
    was_cached = build.cached() is not None
    wheel = build.wheel()
    took = "built before" if was_cached else format_duration(int(time.monotonic() - began))
    _output.note(f"wheel: {wheel} ({took})")
    _install(build, wheel)
    print(f"Horovod {recipe.VERSION} for {target.frameworks} is installed in {target.python}")


def _found(python: str) -> str:
    """As a shell finds it, from wherever it is looked at."""
    if os.sep in python:
        return str(Path(python).expanduser().absolute())
    return shutil.which(python) or python


def _chosen() -> str:
    found = choose(Path.cwd())
    _output.note(f"python: {found.path}, {found.why}; --python names another")
    return found.path


def _without_nccl(target: Target) -> str:
    if target.is_for_gpus:
        why = "NCCL's headers and library were not found; HOROVOD_NCCL_HOME names them"
    else:
        why = f"of {target.frameworks} only {' and '.join(target.cuda)} is a build for CUDA"
    return f"GPUs will talk over Gloo, by way of the CPU: {why}"


def _install(build: Build, wheel: Path) -> None:
    target = build.target

    def must(command: Sequence[str], failure: str) -> None:
        run(command, failure, build.log)

    install(target.python, recipe.run_needs(target), must)
    # An equal version may be there that was built for another torch.
    install(target.python, [str(wheel)], must, "--force-reinstall", "--no-deps")
    failure = f"{wheel} is installed in {target.python}, and cannot be imported"
    must([target.python, "-c", _CHECK, *build.frameworks], failure)


class _Shown:
    """Progress, for people in one line; in a log every tenth percent."""

    def __init__(self) -> None:
        self._last = -1

    def __call__(self, percent: int, file: str) -> None:
        if percent <= self._last and not _output.is_read_by_people():
            return
        if _output.is_read_by_people():
            print(f"\r\x1b[K{percent:3d} % {file}", end="", file=sys.stderr, flush=True)
            if percent == 100 and not file:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        elif percent >= self._last + _EVERY_PERCENT:
            _output.note(f"{percent:3d} %")
            self._last = percent
