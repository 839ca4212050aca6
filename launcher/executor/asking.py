"""Before a gang starts: has the ranks' interpreter what their framework needs?

It is asked once on each node, in the environment of a rank and without importing anything (30 ms),
and not at all where the program needs nothing. Whether a package that is there also works only its
import tells; that costs seconds, so the rank itself finds out, and its traceback says it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from launcher.executor.folders import JobFolder
from launcher.executor.launching import environment_before_gang
from launcher.executor.preparing import SetupError
from launcher.executor.ranks import Ranks
from launcher.frameworks import compatibility
from launcher.frameworks.compatibility import Package, Situation
from launcher.model.launch import Entrypoint, Launch

_IMPORTS_TORCH = re.compile(
    rb"^(?:from[ \t]+torch\b|import[ \t]+(?:[\w., \t]*,[ \t]*)?torch\b)", re.MULTILINE
)
"""Where nothing can catch its failure: in no function, condition or `try`."""
_LARGEST_PROGRAM = 1 << 20


@dataclass
class Equipment:
    """Asks, and remembers an interpreter that has everything: it is asked once an allocation.

    Args:
        launch: the job.
        folder: its files on this node.
        ranks: runs what asks, and ends it when the attempt is abandoned.
        allocation: marks every process of it.
        rank: the first one here.
        secrets: variables that the ranks get.
    """

    launch: Launch
    folder: JobFolder
    ranks: Ranks
    allocation: str
    rank: int
    secrets: Mapping[str, str]

    def __post_init__(self) -> None:
        self._known = ""

    def check(self, attempt: int, python: str) -> None:
        """Ask an interpreter, unless it is known to be well equipped.

        Raises:
            SetupError: the framework is missing, too old, or refused in this version; the words
                say what was found where, and what to do.
        """
        situation = situation_of(self.launch, self.folder.work)
        asked = compatibility.question(
            situation, str(program_folder(self.launch, self.folder.work))
        )
        if not asked or python == self._known:
            return
        packages = self._answer(attempt, [python, *self.launch.entrypoint.python_flags, *asked])
        fault = fault_of(replace(situation, packages=packages), python)
        if fault:
            raise SetupError(f"rank {self.rank} on node {socket.gethostname()}: {fault}")
        self._known = python

    def _answer(self, attempt: int, command: list[str]) -> dict[str, Package]:
        """What the interpreter has; nothing where it does not answer: a rank will tell why."""
        env = environment_before_gang(
            self.launch,
            self.folder,
            attempt=attempt,
            rank=self.rank,
            allocation=self.allocation,
            python=command[0],
            secrets=self.secrets,
        )
        log = self.folder.path / "asked.txt"
        log.unlink(missing_ok=True)
        self.ranks.run_command(attempt, command, env, self.folder.work, log)
        try:
            return compatibility.read_answer(log.read_text("utf-8", "replace"))[1]
        except OSError:
            return {}


def situation_of(launch: Launch, work: Path) -> Situation:
    """What a node knows of a job before it asks."""
    traits = compatibility.environment_traits(launch.env)
    if launch.framework == "pytorch" and _imports_torch(launch.entrypoint, work):
        traits |= {compatibility.IMPORTS_TORCH}
    return Situation(launch.framework, launch.strategy, launch.workers, traits)


def program_folder(launch: Launch, work: Path) -> Path:
    """The folder that python puts first where it looks for modules."""
    program = launch.entrypoint
    return (work / program.argv[0]).parent if program.kind == "script" else work


def fault_of(situation: Situation, python: str) -> str:
    """Why no rank shall start with this interpreter; empty: it may."""
    problems = compatibility.problems(situation)
    refused = [f"{row.words} ({python})" for row in problems if row.verdict == "refused"]
    return compatibility.lack(situation, python) or "; ".join(refused)


def _imports_torch(program: Entrypoint, work: Path) -> bool:
    """Whether the program cannot do without torch, as far as its own file tells."""
    if program.kind == "script":
        files = [work / program.argv[0]]
    elif program.kind == "module":
        stem = work.joinpath(*program.argv[0].split("."))
        files = [stem.with_name(f"{stem.name}.py"), stem / "__main__.py"]
    else:
        return False
    for path in files:
        try:
            with path.open("rb") as file:
                return bool(_IMPORTS_TORCH.search(file.read(_LARGEST_PROGRAM)))
        except OSError:
            continue
    return False
