"""Builders of what the scheduler sees. Session-wide, so that hypothesis may use them too."""

from __future__ import annotations

from dataclasses import fields

import pytest

from launcher.model.job import Resources
from launcher.scheduler.decide import scheduler_of
from launcher.scheduler.state import ClusterView, NodeView, Running, Waiting

GIB = 2**30
_OF_A_JOB = ("project", "user", "lasts_s", "preemptible")


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
    def build(job_id, *, priority=50, at=0.0, not_before=0.0, cluster="any", **more):
        kept = {name: more.pop(name) for name in _OF_A_JOB if name in more}
        gang = Resources(**({"workers": 1} | more))
        return Waiting(job_id, job_id, priority, at, at, not_before, cluster, gang, **kept)

    return build


@pytest.fixture(scope="session")
def running():
    def build(job_id, *workers_by_node, is_counted=True, cluster="local", **more):
        names = {field.name for field in fields(Running)} - {"resources"}
        kept = {name: more.pop(name) for name in names if name in more}
        gang = Resources(workers=sum(ranks for _, ranks in workers_by_node), **more)
        return Running(
            job_id, job_id, cluster, workers_by_node, gang, is_counted=is_counted, **kept
        )

    return build


@pytest.fixture(scope="session")
def reasons():
    """Why each job waits after a cycle whose placements were carried out."""

    def of(state, now):
        scheduler = scheduler_of(state)
        jobs = {job.job_id: job for job in state.waiting}
        for placement in scheduler.decide(now).placements:
            job = jobs.pop(placement.job_id)
            scheduler.drop(job.job_id)
            where = placement.cluster, placement.workers_by_node
            granted = Running(job.job_id, job.name, *where, job.resources, since=now)
            scheduler.hold(f"{job.job_id}.1", granted)
        return {job_id: scheduler.why(job_id, now) for job_id in jobs}

    return of
