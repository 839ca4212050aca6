"""Ranks that are started one by one: what each is given where there is no torchrun for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from launcher.spec.jobspec import JobSpec


def is_started_by_rank(spec: JobSpec) -> bool:
    """Whether each rank is a line of its own; else torchrun or horovodrun starts them."""
    return spec.is_one_process or _trains_by(spec) in {"multi_worker_mirrored", "jax"}


def variables_of_ranks(
    spec: JobSpec, ranks: Sequence[int], hosts: Sequence[str], node: int, port: int
) -> Iterator[dict[str, str]]:
    """Variables of each rank of one node.

    Args:
        spec: with its GPUs decided.
        ranks: how many each node has.
        hosts: names of the nodes.
        node: which of them.
        port: where rank 0 listens; others of a node at those that follow.
    """
    first, gpus = sum(ranks[:node]), spec.resources.gpus_per_worker or 0
    for local in range(ranks[node]):
        given: dict[str, str] = {}
        if gpus and sum(ranks) > 1:
            own = range(local * gpus, (local + 1) * gpus)
            given["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, own))
        if _trains_by(spec) == "jax":
            given |= _jax(f"{hosts[0]}:{port}", sum(ranks), first + local, local)
        elif not spec.is_one_process:
            given["TF_CONFIG"] = _tf_config(ranks, hosts, first + local, port)
        yield given


def _trains_by(spec: JobSpec) -> str:
    return spec.strategy or spec.framework


def _jax(coordinator: str, count: int, rank: int, local: int) -> dict[str, str]:
    """As the launcher gives it: JAX takes number and id from what it takes for Open MPI."""
    return {
        "JAX_COORDINATOR_ADDRESS": coordinator,
        "JAX_NUM_PROCESSES": str(count),
        "JAX_PROCESS_ID": str(rank),
        "OMPI_MCA_orte_hnp_uri": "none",
        "OMPI_COMM_WORLD_SIZE": str(count),
        "OMPI_COMM_WORLD_RANK": str(rank),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(local),
    }


def _tf_config(ranks: Sequence[int], hosts: Sequence[str], rank: int, port: int) -> str:
    workers = [
        f"{host}:{port + local}"
        for host, count in zip(hosts, ranks, strict=True)
        for local in range(count)
    ]
    task = {"type": "worker", "index": rank}
    return json.dumps({"cluster": {"worker": workers}, "task": task}, separators=(",", ":"))
