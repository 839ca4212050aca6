"""torchrun, `python -m torch.distributed.run`, and the older `torch.distributed.launch`.

Flags as of torch 2.13 (torch/distributed/run.py); those of older versions are among them.
"""

from __future__ import annotations

import shlex

from launcher.spec.translation.line import (
    GPUS,
    NODES,
    PER_NODE,
    PLACEMENT,
    WORKERS,
    Flag,
    Line,
    Setting,
    arranged,
    fact,
    key,
    refused,
    switch,
    whole,
)

_LOG = arranged()  # every rank's output is kept, and shown by rank: `launcher logs JOB --rank 0`

FLAGS: dict[str, Flag] = {
    "--nnodes": fact("nodes"),
    "--nproc-per-node": fact("per_node"),
    "--max-restarts": key(("retries", "max")),
    "--shutdown-timeout": key(("timeouts", "grace")),
    "--standalone": switch("standalone"),
    "-m": switch("module"),
    "--module": switch("module"),
    "--no-python": switch("no_python"),
    "--use-env": switch("use_env"),
    **dict.fromkeys(
        (
            *("--rdzv-backend", "--rdzv-endpoint", "--rdzv-id", "--rdzv-conf"),
            *("--master-addr", "--master-port", "--node-rank", "--local-addr"),
            *("--monitor-interval", "--start-method", "--event-log-handler"),
        ),
        arranged(),
    ),
    **dict.fromkeys(
        (
            *("--log-dir", "-r", "--redirects", "-t", "--tee", "--local-ranks-filter"),
            *("--duplicate-stdout-filters", "--duplicate-stderr-filters"),
        ),
        _LOG,
    ),
    "--role": refused("the role of every rank is default; remove it"),
    "--run-path": refused("write the program as a path in the workdir, and remove it", 0),
    "--logs-specs": refused("the launcher keeps the logs itself; remove it"),
    "--numa-binding": refused("not in this version; remove it"),
    "--virtual-local-rank": refused("not in this version; remove it", 0),
    "--signals-to-handle": refused(
        "a stop reaches the program as one signal; write stop_signal: SIGUSR1, or remove it"
    ),
}

_OF_A_NODE = {"gpu": 1, "cpu": 0, "auto": None}
"""What `--nproc-per-node` says beside a number: GPUs of each process; auto leaves them open."""


def finish(line: Line) -> None:
    """Puts nodes and processes of a node together."""
    if (span := _span(line)) is not None:
        _change_nodes(line, *span)
        return
    nodes = _nodes(line)
    if line.fact("standalone"):
        _hold_on_one_node(line)
        nodes = None
    per_node = line.fact("per_node")
    if per_node is None:
        line.defaults[WORKERS] = nodes or 1
        if nodes is not None:
            line.keys[NODES] = line.facts["nodes"]
    elif per_node in _OF_A_NODE:
        _count_devices(line, per_node, nodes)
    else:
        _count(line, nodes)


def _span(line: Line) -> tuple[str, str] | None:
    """Fewest and most nodes, where they differ."""
    low, colon, high = (line.fact("nodes") or "").partition(":")
    return (low, high) if colon and low != high else None


def _change_nodes(line: Line, low: str, high: str) -> None:
    """Elastic: so many workers on each node, on a number of nodes that changes."""
    flag, per_node = line.flag("nodes"), line.fact("per_node") or "1"
    if per_node in _OF_A_NODE:
        _count_devices(line, per_node, None)
        return
    fewest, most = whole(line, flag, low, 1), whole(line, flag, high, 1)
    each = whole(line, line.flag("per_node"), per_node, 1)
    if fewest is None or most is None or each is None:
        return
    flag = line.flag("nodes", "per_node")
    if line.fact("standalone"):
        line.faults.append(f"{line.flag('standalone', 'nodes')}: --standalone is one node")
    line.keys[WORKERS] = Setting({"min": fewest * each, "max": most * each}, flag)
    line.keys[PER_NODE] = Setting(each, flag)


def _nodes(line: Line) -> int | None:
    if "nodes" not in line.facts:
        return None
    text, flag = line.facts["nodes"].value, line.flag("nodes")
    count = whole(line, flag, text.partition(":")[0], 1)
    if count is not None:
        line.facts["nodes"] = Setting(count, flag)
    return count


def _hold_on_one_node(line: Line) -> None:
    if line.fact("nodes") not in {None, 1}:
        line.faults.append(f"{line.flag('standalone', 'nodes')}: --standalone is one node")
    line.keys[PLACEMENT] = Setting("single_node", line.flag("standalone"))
    line.held[NODES] = Setting(1, line.flag("standalone"))


def _count(line: Line, nodes: int | None) -> None:
    per_node = whole(line, line.flag("per_node"), line.fact("per_node"), 1)
    if per_node is None:
        return
    flag = line.flag("nodes", "per_node")
    line.set_gang(per_node * (nodes or 1), nodes, flag)
    if nodes is None:
        alone = f"{flag} without --nnodes (one node)"
        line.held.setdefault(NODES, Setting(1, alone))
        line.held[PER_NODE] = Setting(per_node, flag)


def _count_devices(line: Line, kind: str, nodes: int | None) -> None:
    """As many processes as a node has devices, which nobody knows before it is placed."""
    flag, gpus = line.flag("per_node"), _OF_A_NODE[kind]
    if gpus is not None:
        line.keys[GPUS] = Setting(gpus, flag)
    if nodes is not None:
        line.keys[NODES] = line.facts["nodes"]
    line.lacks_workers = f"{flag}: how many its node will have is not known yet; write the number"


def finish_launch(line: Line) -> None:
    """The same for `torch.distributed.launch`, which passes --local-rank to the program."""
    finish(line)
    if not line.fact("use_env"):
        refuse_local_rank(line, "--local-rank", "--use-env")


def refuse_local_rank(line: Line, argument: str, without: str) -> None:
    """The rank's number on its node is a variable here; as an argument only a shell can give it.

    Args:
        line: of a tool that passes it as an argument.
        argument: under this name.
        without: the tool's flag for a program that reads the variable.
    """
    module = ["-m"] * bool(line.fact("module"))
    first, *rest = line.program[len(module) :] or ["train.py"]
    words = [*module, shlex.quote(first), f"{argument}=$LOCAL_RANK", *map(shlex.quote, rest)]
    entrypoint = " ".join(["python", *words])
    instead = line.spec_words(framework="command", entrypoint=entrypoint, gpus=1)
    line.faults.append(
        f"{line.tool} passes {argument} to the program, the launcher does not; "
        f"add {without} if the program reads LOCAL_RANK, else write {instead}"
    )
