"""A spec from the pieces of a command line: `launcher run --workers 2 -- train.py --epochs 5`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from launcher.errors import SpecError
from launcher.spec.complaints import Draft, on_flag
from launcher.spec.entrypoint import is_python, one_line
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import judge
from launcher.spec.load import with_files_checked
from launcher.spec.overrides import apply_overrides, put
from launcher.spec.translation import is_launch_line


def spec_from_command(
    argv: Sequence[str],
    *,
    name: str | None = None,
    framework: str | None = None,
    workers: int | None = None,
    workdir: str | Path = ".",
    env: Mapping[str, str] | None = None,
    overrides: Iterable[str] = (),
    check_files: bool = True,
) -> JobSpec:
    """The spec of a command line.

    Args:
        argv: the program with its arguments, what stands behind `--`.
        name: default: the program's.
        framework: default: pytorch for a python program, that of another launcher's line, else
            command.
        workers: number of workers; default: 1, or what the line of another launcher says.
        workdir: folder that is sent, relative to the current one.
        env: environment variables of the program.
        overrides: `key=value`, as `--set` takes them.
        check_files: make `workdir` absolute and look whether the program is in it.

    Raises:
        SpecError: every complaint, each with its flag in place of a position.
    """
    if not argv:
        hint = "write it behind --, as in: launcher run --workers 2 -- train.py --epochs 5"
        raise SpecError("no program is given", hint=hint)
    if is_launch_line(argv):
        entrypoint: str | list[str] = list(argv)  # it says which framework when it is judged
    else:
        framework = framework or ("pytorch" if is_python(argv) else "command")
        entrypoint = one_line(argv, framework)
    draft = Draft("command line")
    draft.values[()] = draft.keys[()] = on_flag("command line")
    for path, value, flag in (
        (("name",), name, f"--name {name}"),
        (("framework",), framework, f"--framework {framework}"),
        (("entrypoint",), entrypoint, f"-- {shlex.join(argv)}"),
        (("workdir",), str(workdir), f"--workdir {workdir}"),
        (("resources", "workers"), workers, f"--workers {workers}"),
        *((("env", key), text, f"--env {key}={text}") for key, text in (env or {}).items()),
    ):
        _put_written(draft, path, value, flag)
    apply_overrides(draft, overrides)
    spec = judge(draft)
    return with_files_checked(spec, draft, folder=Path.cwd()) if check_files else spec


def _put_written(draft: Draft, path: tuple[str, ...], value: Any, flag: str) -> None:
    if value is not None:
        put(draft, path, value, on_flag(flag))
