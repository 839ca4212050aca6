"""Makes an environment with uv: versions once, then the folder, each command's words in a log."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launcher.executor.environments import Environments, Held
from launcher.executor.evicting import renew_cache
from launcher.executor.indexes import lines_for_pip, pip_from_uv, uv_from_pip
from launcher.executor.preparing import SetupError

Run = Callable[[Sequence[str], Mapping[str, str]], int]
"""Runs a command in the job's folder, its output in the log; gives the exit code."""

UV = "uv"
"""Key of the uv that we bring where a node has none."""
_FEW = 3
_LONGEST_WORDS = 800
_FRAME = re.compile(r"^[\s\u00d7\u2500-\u257f\u25b6|`>-]+")
_ERROR = re.compile(r"(error:|No solution\b)", re.IGNORECASE)


class Builder:
    """Runs uv for one job on one node.

    Args:
        environments: of this node.
        run: runs its commands.
        env: what they find around them; the user's own variables are in it.
        log: what `run` writes to, read for the words of a failure.
        wait: gives up when the job does; called while others make what is needed here too.
        sources: lines of the requirements that say where packages come from; a uv too.
        redact: takes the job's secrets out of words.
    """

    def __init__(
        self,
        environments: Environments,
        run: Run,
        env: Mapping[str, str],
        log: Path,
        wait: Callable[[], None],
        *,
        sources: Sequence[str] = (),
        redact: Callable[[str], str] = str,
    ) -> None:
        self._environments, self._run, self._log, self._wait = environments, run, log, wait
        self._sources, self._redact = sources, redact
        self._env = uv_environment(env, environments.cache)
        self._uv = ""
        self._held: Held | None = None

    def resolve(self, python: str, source: Path, answer: Path) -> str:
        """The exact versions, with their hashes, that requirements lead to for an interpreter."""
        # Nothing but versions and hashes: the same ones make the same environment.
        command = [self._find_uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        command += [
            "--generate-hashes",
            "--python",
            python,
            "--output-file",
            str(answer),
            str(source),
        ]
        answer.unlink(missing_ok=True)
        with self._environments.using_cache():
            self._must(command, "the requirements could not be resolved")
        return answer.read_text("utf-8")

    def make(self, python: str, lock: Path, target: Path) -> None:
        """An environment of exactly what a lock says."""
        uv = self._find_uv()
        renew_cache(self._environments)
        with self._environments.using_cache():
            venv = [uv, "venv", "--quiet", "--no-project", "--python", python, str(target)]
            self._must(venv, "the environment could not be made")
            install = [uv, "pip", "install", "--no-deps", "--compile-bytecode"]
            install += ["--python", str(target / "bin" / "python"), "--requirement", str(lock)]
            self._must(install, "the requirements could not be installed")

    def have_uv(self) -> None:
        """Bring uv where there is none."""
        self._find_uv()

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _find_uv(self) -> str:
        self._uv = self._uv or found_uv(self._env) or self._own_uv()
        return self._uv

    def _own_uv(self) -> str:
        """A uv of ours, installed by pip in a folder beside the environments."""
        if self._held is None:
            self._held = self._environments.hold(UV, self._install_uv, self._wait)
        return str(self._held.folder / "bin" / "uv")

    def _install_uv(self, target: Path) -> None:
        why = (
            "this node has no uv, and pip found none where the requirements come from; put uv on "
            "the PATH of the nodes, or its wheel beside the packages"
        )
        self._must([sys.executable, "-m", "venv", str(target)], why)
        wanted = target / "uv.txt"
        lines = [*lines_for_pip(self._sources, self._env), "uv"]
        wanted.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        self._must([*pip, "--disable-pip-version-check", "--requirement", str(wanted)], why)

    def _must(self, command: Sequence[str], failure: str) -> None:
        begun = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
        code = self._run(command, self._env)
        self._wait()  # who gave up is not told that his command failed
        if code:
            with self._log.open("rb") as log:
                log.seek(begun)
                output = log.read().decode("utf-8", "replace").partition("\n")[2]
            output = self._redact(output)  # before it is cut: half a secret is not known any more
            raise SetupError(f"{failure}: {last_words(output) or f'exit code {code}'}")


def found_uv(env: Mapping[str, str]) -> str | None:
    """The uv of this node: on its PATH, beside the agent's python, where its installer puts it."""
    home = Path(env.get("HOME") or Path.home())
    beside = [Path(sys.executable).parent, home / ".local" / "bin", home / ".cargo" / "bin"]
    folders = [env.get("PATH", os.defpath), *map(str, beside)]
    return shutil.which("uv", path=os.pathsep.join(folders))


def uv_environment(env: Mapping[str, str], cache: Path) -> dict[str, str]:
    """What uv finds around it: the job's variables, and quiet, plain, predictable ways."""
    sources = uv_from_pip(env) | pip_from_uv(env)
    ways = {"UV_CACHE_DIR": str(cache), "UV_PYTHON_DOWNLOADS": "never"}
    without = {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"}
    kept = {name: value for name, value in env.items() if name not in without}
    return sources | ways | kept | {"UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def last_words(output: str) -> str:
    r"""The end of what a resolver or an installer said, in one line, without its frames.

    >>> last_words("Using x\nerror: No solution found\n  cause: Because a was not\n  found.")
    'No solution found: Because a was not found'
    """
    lines = [line for raw in output.splitlines() if (line := _FRAME.sub("", raw).strip())]
    errors = [n for n, line in enumerate(lines) if _ERROR.match(line)]
    told = " ".join(lines[errors[-1] :] if errors else lines[-_FEW:])
    told = re.sub(r"[:.]? cause: ", ": ", told.removeprefix("error: ")).rstrip(".")
    return told if len(told) <= _LONGEST_WORDS else f"{told[: _LONGEST_WORDS - 1]}…"
