"""The deepspeed runner. Flags as of DeepSpeed 0.17 (launcher/runner.py)."""

from __future__ import annotations

from launcher.spec.translation.line import (
    ELASTIC,
    GPUS,
    NODES,
    Flag,
    Line,
    Setting,
    arranged,
    number,
    refused,
    switch,
)
from launcher.spec.translation.torchrun import refuse_local_rank

_CHOSEN = "the cluster chooses nodes and GPUs; write how many, as --num_nodes 2 --num_gpus 4"
_BINDING = "not in this version; write resources: {cpus_per_worker: N}"

FLAGS: dict[str, Flag] = {
    "--num-gpus": number("per_node"),
    "--num-accelerators": number("per_node"),
    "--num-nodes": number("nodes"),
    "--no-local-rank": switch("no_local_rank"),
    "--module": switch("module"),
    "--no-python": switch("no_python"),
    **dict.fromkeys(
        (
            *("--master-addr", "--master-port", "--node-rank", "--launcher", "--launcher-args"),
            *("--ssh-port", "--enable-each-rank-log"),
        ),
        arranged(),
    ),
    **dict.fromkeys(
        ("--no-ssh-check", "--no-ssh", "--force-multi", "--save-pid"),
        arranged(0),
    ),
    **dict.fromkeys(("-H", "--hostfile", "-i", "--include", "-e", "--exclude"), refused(_CHOSEN)),
    **dict.fromkeys(("--min-elastic-nodes", "--max-elastic-nodes"), refused(ELASTIC)),
    "--elastic-training": refused(ELASTIC, 0),
    "--autotuning": refused("not in this version; tune with deepspeed itself, then submit"),
    "--bind-cores-to-rank": refused(_BINDING, 0),
    "--bind-core-list": refused(_BINDING),
    "--venv-script": refused("write python: {interpreter: PATH} of that environment"),
}


def finish(line: Line) -> None:
    """`--num_gpus` is of each node; a process has one of them."""
    nodes, per_node = line.fact("nodes"), line.fact("per_node")
    if per_node is None:
        line.keys[GPUS] = Setting(1, line.tool)
        line.lacks_workers = "how many GPUs its node will have is not known yet; write --num_gpus"
        if nodes is not None:
            line.keys[NODES] = line.facts["nodes"]
    else:
        flag = line.flag("nodes", "per_node")
        line.keys[GPUS] = Setting(1, line.flag("per_node"))
        line.set_gang(per_node * (nodes or 1), nodes, flag)
    if not line.fact("no_local_rank"):
        refuse_local_rank(line, "--local_rank", "--no_local_rank")
