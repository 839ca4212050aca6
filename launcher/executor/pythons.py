"""The interpreter of a job's ranks on one node: the one it names, or one of an environment of ours.

The versions are resolved once for a job, by its first node, and kept with it at the server: every
node and every attempt gets the same.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.executor import surroundings, wishes
from launcher.executor.asking import Equipment
from launcher.executor.building import Builder
from launcher.executor.environments import Environments, Held
from launcher.executor.evicting import tidy
from launcher.executor.folders import JobFolder, environments_root
from launcher.executor.preparing import SetupError
from launcher.executor.ranks import Ranks
from launcher.executor.uplink import Uplink
from launcher.executor.wishes import Recipe
from launcher.model.launch import Launch, Requirements
from launcher.units import format_duration, format_size

_POLL_S = 0.3


@dataclass(frozen=True)
class Place:
    """Where the ranks of a job are on a node: `index` of the node, and the first rank there."""

    allocation: str
    index: int
    rank: int


class RanksPython:
    """Finds or makes the interpreter; keeps it in place until it is closed.

    Args:
        launch: the job.
        folder: its files on this node.
        ranks: runs our commands, and ends them when the attempt is abandoned.
        place: of its ranks.
        secrets: variables that its programs get and no log.
        redact: takes their values out of words.
        note: tells something that the job's events shall show.
    """

    def __init__(
        self,
        launch: Launch,
        folder: JobFolder,
        ranks: Ranks,
        *,
        place: Place,
        secrets: Mapping[str, str],
        redact: Callable[[str], str],
        note: Callable[[str], None],
    ) -> None:
        self._launch, self._secrets, self._folder, self._place = launch, secrets, folder, place
        self._ranks, self._note, self._redact = ranks, note, redact
        self._held: Held | None = None
        self._equipment = Equipment(launch, folder, ranks, place.allocation, place.rank, secrets)
        self.path = ""
        """Of the interpreter, once it is ready."""

    def ready(self, uplink: Uplink, attempt: int) -> None:
        """Have the interpreter in place for an attempt; the job's code is there already.

        Raises:
            SetupError: there is none, or it cannot be made, or it lacks the framework; the text
                says where and why.
            UnreachableError: the server did not answer; try again.
        """
        wanted = self._launch.requirements
        base = interpreter(self._launch.python, self._folder.work)
        if wanted is None:
            self.path = base
        elif self._held is None:
            self._held = self._made(uplink, attempt, wanted, base)
            self.path = str(self._held.folder / "bin" / "python")
        self._equipment.check(attempt, self.path)

    def close(self) -> None:
        """Nothing of the job runs here any more: its environment may go."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _made(self, uplink: Uplink, attempt: int, wanted: Requirements, base: str) -> Held:
        begun = time.monotonic()
        recipe = wishes.recipe(wanted, base, self._folder.work, self._launch.code)
        environments = Environments(environments_root())
        sources = wishes.options_of(recipe.texts, self._folder.work)
        builder = self._builder(environments, attempt, base, sources)
        try:
            lock = uplink.lock() or self._locked(uplink, attempt, recipe, environments, builder)
            held = environments.hold(
                recipe.key(lock),
                lambda target: self._make(builder, recipe.python, [*sources, lock], target),
                lambda: self._wait(attempt),
            )
        finally:
            builder.close()
        how = f"made in {format_duration(time.monotonic() - begun)}" if held.is_new else "was there"
        what = f"environment {recipe.key(lock)[:8]}, python {recipe.version}"
        self._note(f"node {self._place.index}: {what}, {format_size(held.size)}: {how}")
        if held.is_new:
            threading.Thread(target=tidy, args=(environments,), name="tidying", daemon=True).start()
        return held

    def _locked(
        self,
        uplink: Uplink,
        attempt: int,
        recipe: Recipe,
        environments: Environments,
        builder: Builder,
    ) -> str:
        """The versions, resolved here if this is the first node, else there."""
        if self._place.index == 0:
            known = environments.wish(recipe.wish)
            if known is None or environments.made(recipe.key(known)) is None:
                known = self._resolve(builder, recipe)
                environments.remember_wish(recipe.wish, known)
            return uplink.keep_lock(known)
        builder.have_uv()  # while the first node resolves them
        while not (lock := uplink.lock()):
            self._wait(attempt)
            time.sleep(_POLL_S)
        return lock

    def _resolve(self, builder: Builder, recipe: Recipe) -> str:
        source = self._folder.path / "requirements.txt"
        if "" in recipe.texts:
            lines = recipe.texts[""].splitlines()
            absolute = [wishes.with_whole_path(line, self._folder.work) for line in lines]
            source.write_text("".join(f"{line}\n" for line in absolute), "utf-8")
        else:
            source = self._folder.work / next(iter(recipe.texts))
        return builder.resolve(recipe.python, source, self._folder.path / "resolved.txt")

    def _make(self, builder: Builder, python: str, parts: Sequence[str], target: Path) -> None:
        file = self._folder.path / "locked.txt"
        file.write_text("\n".join(parts), "utf-8")
        builder.make(python, file, target)

    def _builder(
        self, environments: Environments, attempt: int, base: str, sources: Sequence[str]
    ) -> Builder:
        log = self._folder.setup_log(attempt, self._place.rank)
        log.parent.mkdir(parents=True, exist_ok=True)
        mark = {"LAUNCHER_ALLOCATION": self._place.allocation, "LAUNCHER_ATTEMPT": str(attempt)}
        env = {**surroundings.node_environment(base), **self._launch.env, **self._secrets, **mark}

        def run(command: Sequence[str], env: Mapping[str, str]) -> int:
            return self._ranks.run_command(attempt, command, dict(env), self._folder.work, log)

        return Builder(
            environments,
            run,
            env,
            log,
            lambda: self._wait(attempt),
            sources=sources,
            redact=self._redact,
        )

    def _wait(self, attempt: int) -> None:
        if self._ranks.is_abandoned(attempt):
            raise SetupError("the attempt was given up before its environment was made")


def interpreter(written: str | None, work: Path) -> str:
    """The interpreter that a spec names, as this node sees it; by default the agent's own.

    Raises:
        SetupError: nothing there can run; the text names node and path.
    """
    if written is None:
        return sys.executable
    here = f"on node {socket.gethostname()}"
    if os.sep not in written and not written.startswith("."):
        found = shutil.which(written)
        if found is None:
            raise SetupError(f"python.interpreter: {written} is not on the PATH {here}")
        return found
    path = work / Path(written).expanduser()
    if not path.exists():
        raise SetupError(f"python.interpreter: {path} does not exist {here}")
    if path.is_dir():
        raise SetupError(f"python.interpreter: {path} is a folder {here}; name the python in it")
    if not os.access(path, os.X_OK):
        raise SetupError(f"python.interpreter: {path} is not executable {here}")
    return str(path)
