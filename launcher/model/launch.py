"""What an agent needs of a spec to launch its ranks: plain data, so agents need no pydantic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from launcher.model.observing import Observing
from launcher.model.outputs import OutputRule

EntrypointKind = Literal["script", "module", "shell", "exec"]


@dataclass(frozen=True)
class Entrypoint:
    """The program as its author runs it.

    `script`: argv[0] is a .py file of the workdir; `module`: argv[0] is what follows `-m`;
    `shell`: argv[0] is a text for `bash -e`; `exec`: argv is executed as it is.
    """

    kind: EntrypointKind
    argv: tuple[str, ...]
    python_flags: tuple[str, ...] = ()
    """Flags that stood between `python` and the script, as `-u`."""

    def command(self, python: str) -> list[str]:
        """The argument vector of a rank.

        Args:
            python: the interpreter that runs scripts and modules.
        """
        if self.kind == "script":
            return [python, *self.python_flags, *self.argv]
        if self.kind == "module":
            return [python, *self.python_flags, "-m", *self.argv]
        if self.kind == "shell":
            return ["bash", "-e", "-c", self.argv[0]]
        return list(self.argv)


@dataclass(frozen=True)
class Requirements:
    """Packages of which the ranks' environment is made on every node: lines, or a file of them."""

    lines: tuple[str, ...] = ()
    file: str = ""
    """Relative to the workdir."""


@dataclass(frozen=True)
class Launch:
    """One job as the agents see it. Durations in seconds, sizes in bytes."""

    job_id: str
    name: str
    framework: str
    entrypoint: Entrypoint
    workers: int
    gpus_per_worker: int = 0
    cpus_per_worker: int = 1
    strategy: str = ""
    """How the workers train together: a `tensorflow.strategy` or a `keras.backend`; else empty."""
    replicas_per_rank: int = 1
    """Workers that each rank stands for: more than 1 where one process has them all."""
    env: dict[str, str] = field(default_factory=dict)
    python: str | None = None
    """Interpreter of the ranks, as the user wrote it; None: the one that runs the agent."""
    requirements: Requirements | None = None
    """An environment of these runs the ranks; `python` is then what it is made with."""
    warm_start: bool = True
    """Ranks may be forked from an interpreter that has imported their framework."""
    code: str = ""
    """sha256 of the packaged workdir; empty: no files."""
    max_restarts: int = 0
    start_timeout_s: float = 600.0
    run_timeout_s: float | None = None
    grace_s: float = 60.0
    stop_signal: str = "SIGTERM"
    in_place: str | None = None
    """Folder of the user in which the ranks run; None: a private copy of the package."""
    links: dict[str, str] = field(default_factory=dict)
    """Symlinks to make in the job's folder: relative path -> absolute path on every node."""
    outputs: OutputRule | None = None
    watch: tuple[str, ...] = ()
    """Patterns (`launcher.model.globs`) of files that the program saves by itself, relative to the
    job's folder or absolute."""
    watch_per_node: bool = False
    """Every node has watched files of its own; else the lowest node's count for all."""
    array_id: str = ""
    """The array that it is an element of; empty: none."""
    array_index: int = 0
    array_count: int = 0
    """How many elements the array was submitted with."""
    observing: Observing = field(default_factory=Observing)
    """What the agent of rank 0's node reads out of its output and files by itself."""
