"""The same training without launcher: environment and torchrun line of each node."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from launcher.errors import SpecError
from launcher.spec.jobspec import JobSpec

_PORT = 29500
_TORCHRUN = frozenset({"pytorch", "command"})
"""Frameworks whose processes torchrun starts."""


@dataclass(frozen=True)
class BareNode:
    """What is typed on one node, in its order. `host`: its name; empty when it is not known yet."""

    host: str
    lines: tuple[str, ...]


def bare_nodes(
    spec: JobSpec, job_id: str, ranks: Sequence[int] = (), hosts: Sequence[str] = ()
) -> list[BareNode]:
    """The lines for every node of a job.

    Args:
        spec: with its GPUs decided.
        job_id: becomes the run's id.
        ranks: how many ranks each node has; default: as the spec says, or all on one.
        hosts: names of the nodes, as long as `ranks`.

    Raises:
        SpecError: torchrun does not start this framework.
    """
    if spec.framework not in _TORCHRUN:
        known = " and ".join(sorted(_TORCHRUN))
        raise SpecError(f"framework: {spec.framework}: torchrun starts {known} alone")
    ranks = ranks or _layout(spec)
    hosts = hosts or [""] * len(ranks)
    common = [*_place(spec), *_environment(spec)]
    return [
        BareNode(
            host, (*common, _torchrun(spec, job_id, ranks, node, hosts[0] or "HOST_OF_NODE_0"))
        )
        for node, host in enumerate(hosts)
    ]


def _layout(spec: JobSpec) -> list[int]:
    wanted = spec.resources
    each = wanted.workers_per_node
    nodes = wanted.nodes or (-(-wanted.workers // each) if each else 1)
    whole, more = divmod(wanted.workers, nodes)
    return [whole + (node < more) for node in range(nodes)]


def _place(spec: JobSpec) -> Iterator[str]:
    yield f"cd {shlex.quote(spec.workdir)}"
    for name, target in spec.links.items():
        yield f"ln -sfn {shlex.quote(target)} {shlex.quote(name)}"
    needed = spec.python.requirements
    if needed is not None:
        packages = f"-r {shlex.quote(needed)}" if isinstance(needed, str) else shlex.join(needed)
        yield "uv venv .venv && . .venv/bin/activate"
        yield f"uv pip install {packages}"


def _environment(spec: JobSpec) -> Iterator[str]:
    """What the launcher set besides torchrun's own variables."""
    ours = {"OMP_NUM_THREADS": str(spec.resources.cpus_per_worker)}
    if spec.resources.gpus_per_worker == 0:
        ours["CUDA_VISIBLE_DEVICES"] = ""
    for name, value in (ours | spec.env).items():
        yield f"export {name}={shlex.quote(value)}"
    for name in spec.secrets:
        yield f': "${{{name}:?is a secret: export it before}}"; export {name}'


def _torchrun(spec: JobSpec, job_id: str, ranks: Sequence[int], node: int, first: str) -> str:
    python = _interpreter(spec)
    words = [python, "-m", "torch.distributed.run"] if python else ["torchrun"]
    if len(ranks) == 1:
        words.append("--standalone")
    else:
        words += ["--nnodes", str(len(ranks)), "--node-rank", str(node)]
        words += ["--master-addr", first, "--master-port", str(_PORT), "--rdzv-id", job_id]
    words += ["--nproc-per-node", str(ranks[node])]
    if spec.retries.max:
        words += ["--max-restarts", str(spec.retries.max)]
    line = shlex.join([*words, *_program(spec)])
    if python and python.startswith("~/"):  # a quoted ~ is nobody's home
        line = line.replace(shlex.quote(python), f"~/{shlex.quote(python[2:])}")
    return line


def _interpreter(spec: JobSpec) -> str | None:
    """Which python runs the program; None: the one of the shell."""
    return None if spec.python.requirements is not None else spec.python.interpreter


def _program(spec: JobSpec) -> list[str]:
    """The program as torchrun takes it; it gives python no flags but -u."""
    program = spec.program
    flags = [flag for flag in program.python_flags if flag != "-u"]
    if program.kind in {"shell", "exec"} or flags:
        return ["--no-python", *program.command(_interpreter(spec) or "python")]
    if program.kind == "module":
        return ["-m", *program.argv]
    return list(program.argv)
