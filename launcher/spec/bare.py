"""The same training without launcher: what is typed on each node to start it by hand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from launcher.spec.bare_ranks import is_started_by_rank, variables_of_ranks
from launcher.spec.jobspec import JobSpec

_PORT = 29500


@dataclass(frozen=True)
class BareNode:
    """What is typed on one node, in its order. `host`: its name; empty when it is not known yet."""

    host: str
    lines: tuple[str, ...]


def bare_nodes(
    spec: JobSpec, job_id: str, ranks: Sequence[int] = (), hosts: Sequence[str] = ()
) -> list[BareNode]:
    """The lines for every node of a job where something is typed.

    Args:
        spec: with its GPUs decided.
        job_id: becomes the run's id.
        ranks: how many ranks each node has; default: as the spec says, or all on one.
        hosts: names of the nodes, as long as `ranks`.
    """
    ranks = ranks or _layout(spec)
    named = hosts or [""] * len(ranks)
    hosts = [host or f"HOST_OF_NODE_{node}" for node, host in enumerate(named)]
    common = [*_place(spec), *_environment(spec)]
    if spec.framework == "horovod":  # it starts those of the other nodes itself
        return [BareNode(named[0], (*common, _horovodrun(spec, ranks, hosts)))]
    return [
        BareNode(host, (*common, *_starts(spec, job_id, ranks, node, hosts)))
        for node, host in enumerate(named)
    ]


def _starts(
    spec: JobSpec, job_id: str, ranks: Sequence[int], node: int, hosts: Sequence[str]
) -> Iterator[str]:
    """The lines that start the ranks of one node."""
    if is_started_by_rank(spec):
        hosts = hosts if len(ranks) > 1 else ["localhost"]
        given = variables_of_ranks(spec, ranks, hosts, node, _PORT)
        lines = [_plain(spec, variables) for variables in given]
        yield from lines if len(lines) == 1 else (*(f"{line} &" for line in lines), "wait")
    else:
        yield _torchrun(spec, job_id, ranks, node, hosts[0])


def _layout(spec: JobSpec) -> list[int]:
    wanted = spec.resources
    if spec.is_one_process:
        return [1]
    each = wanted.workers_per_node
    nodes = wanted.nodes or (-(-wanted.most // each) if each else 1)
    whole, more = divmod(wanted.most, nodes)
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
    """What the launcher set for all ranks alike."""
    ours = {"OMP_NUM_THREADS": str(spec.resources.cpus_per_worker * spec.replicas_per_rank)}
    if spec.framework == "keras":
        ours["KERAS_BACKEND"] = spec.strategy
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
    return _at_home(shlex.join([*words, *_program(spec)]), python)


def _horovodrun(spec: JobSpec, ranks: Sequence[int], hosts: Sequence[str]) -> str:
    words = ["horovodrun", "-np", str(sum(ranks))]
    if len(ranks) > 1:
        words += [
            "-H",
            ",".join(f"{host}:{count}" for host, count in zip(hosts, ranks, strict=True)),
        ]
    python = _interpreter(spec)
    return _at_home(shlex.join([*words, *spec.program.command(python or "python")]), python)


def _plain(spec: JobSpec, variables: Mapping[str, str]) -> str:
    """The program itself, behind variables of its own."""
    python = _interpreter(spec)
    given = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
    return given + _at_home(shlex.join(spec.program.command(python or "python")), python)


def _at_home(line: str, python: str | None) -> str:
    """The line with an interpreter of the home as a shell finds it: a quoted ~ is nobody's home."""
    if python and python.startswith("~/"):
        return line.replace(shlex.quote(python), f"~/{shlex.quote(python[2:])}")
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
