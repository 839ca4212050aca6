"""Runs what builds and installs: its words in a log, its failures with what is known of them."""

from __future__ import annotations

import collections
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launcher.cli.installing import recipe
from launcher.errors import LauncherError

Progress = Callable[[int, str], None]
"""Told how far the compiling is, in percent, and at which file."""
_FEW = 200
"""Lines of a failed command in which its cause is looked for."""


def run(
    command: Sequence[str],
    failure: str,
    log: Path,
    progress: Progress = lambda _percent, _file: None,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    held: Sequence[int] = (),
) -> None:
    """A command whose words go into the log. `held`: descriptors that it inherits.

    Raises:
        LauncherError: it failed: `failure`, with its last words and what is known of such a case.
    """
    last: collections.deque[str] = collections.deque(maxlen=_FEW)
    with log.open("a", buffering=1, encoding="utf-8") as written:
        written.write(f"$ {' '.join(command)}\n")
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env={**os.environ, **(env or {})},
            pass_fds=held,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                written.write(line)
                last.append(line.rstrip())
                if (told := recipe.progress(line)) is not None:
                    progress(*told)
    if process.returncode:
        words = next((line for line in reversed(last) if "error" in line.lower()), "")
        words = words.strip() or (last[-1] if last else f"exit code {process.returncode}")
        hint = recipe.advice(last) or "the same command goes on from here"
        raise LauncherError(f"{failure}: {words} ({log})", hint=hint)


def install(
    python: str,
    packages: Sequence[str],
    must: Callable[[Sequence[str], str], None],
    *options: str,
) -> None:
    """Packages into an environment that may have no pip of its own.

    Args:
        python: of the environment.
        packages: names or files.
        must: runs a command.
        options: such that pip and uv know.

    Raises:
        LauncherError: nothing could install them; in the words of what was asked first.
    """
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    pip = ["-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet"]
    ways = [[one, *pip] for one in (python, sys.executable)]
    ways += [[uv, "pip", "install", "--quiet", "--python", python]] if uv else []
    failures: list[LauncherError] = []
    for way in ways:
        try:
            must(
                [*way, *options, *packages],
                f"{', '.join(Path(name).name for name in packages)} could not be installed",
            )
        except LauncherError as error:
            failures.append(error)
        else:
            return
    raise next((one for one in failures if "No module named pip" not in one.message), failures[0])
