"""Builders of what the scheduler sees. Session-wide, so that hypothesis may use them too."""

from __future__ import annotations

import pytest

from launcher.model.job import Resources
from launcher.scheduler.state import ClusterView, NodeView, Running, Waiting

GIB = 2**30


@pytest.fixture(scope="session")
def node():
    def build(name, *, gpus=4, cpus=16, free_gpus=None, free_cpus=None, cluster="local", **more):
        total = {"GPU": gpus, "CPU": cpus, "memory": 64 * GIB} | more.pop("total", {})
        free = {
            "GPU": gpus if free_gpus is None else free_gpus,
            "CPU": cpus if free_cpus is None else free_cpus,
        }
        return NodeView(cluster, f"id-{name}", f"node-{name}", total, total | free, **more)

    return build


@pytest.fixture(scope="session")
def cluster():
    def build(*nodes, name="local", silent_s=None):
        is_live = silent_s is None
        return ClusterView(name, nodes, is_live=is_live, silent_s=silent_s or 0.0)

    return build


@pytest.fixture(scope="session")
def waiting():
    def build(job_id, *, priority=50, at=0.0, not_before=0.0, cluster="any", **resources):
        gang = Resources(**({"workers": 1} | resources))
        return Waiting(job_id, job_id, priority, at, at, not_before, cluster, gang)

    return build


@pytest.fixture(scope="session")
def running():
    def build(job_id, *workers_by_node, is_counted=True, cluster="local", **resources):
        gang = Resources(workers=sum(ranks for _, ranks in workers_by_node), **resources)
        return Running(job_id, job_id, cluster, workers_by_node, gang, is_counted=is_counted)

    return build
