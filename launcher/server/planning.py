"""What would become of a job if it were submitted now. Nothing is stored, started or changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from launcher.errors import SpecError
from launcher.model import lifecycle, waiting
from launcher.model.job import Job
from launcher.model.own_cluster import KubernetesCluster
from launcher.model.plan import Plan, PlannedNode
from launcher.scheduler.fits import never_fits
from launcher.scheduler.place import place
from launcher.scheduler.room import Room
from launcher.scheduler.state import ANY, ClusterView, Placement
from launcher.server import planned
from launcher.server.agents import launch_of
from launcher.server.control import Control, new_job, with_gpus
from launcher.server.dependents import begin_after
from launcher.server.naming import expect_secrets
from launcher.server.origins import begin_from, resumes_from
from launcher.server.own_orders import judge, with_gpus_of
from launcher.server.quota import Places
from launcher.server.reaching import expect_reach, usable
from launcher.server.tried import Tried
from launcher.spec.array import elements_of
from launcher.spec.jobspec import JobSpec
from launcher.spec.launch import remarks
from launcher.store import clusters, jobs


def plan(
    control: Control,
    spec: JobSpec,
    *,
    user: str,
    key: str | None,
    python: str | None,
    within: jobs.Within = None,
) -> Plan:
    """The plan of a job; of an array that of its first element.

    Args:
        control: judges it as it would judge a submit.
        spec: validated.
        user: who would submit.
        key: idempotency key that the submit would have.
        python: as `Control.submit` takes it.
        within: projects whose jobs it may name; None: all.

    Raises:
        SpecError: a name in the spec means nothing: a secret, another job.
        ConflictError: as many jobs of its project wait as its quota lets.
    """
    reach = control.books.reach(spec.project)
    expect_reach(spec, reach)
    now, prospects = control.clock(), usable(control.floor.prospects(), reach)
    is_up = any(view.nodes for view in control.floor.clusters())
    with control.store.read() as tx:
        known = jobs.by_keys(tx, [key]).get(key) if key else None
    at = control.books.own.attached.get(spec.cluster)
    decided = with_gpus(spec, with_gpus_of(at) if at else prospects)
    job = new_job(decided, code="", user=user, python=python or "", now=now)
    told = Plan(spec=job.spec, own_python=job.policy.own_python, remarks=_remarks(spec, decided))
    if key and known:
        return replace(told, outcome="submitted", text=planned.known_by_key(key, known))
    told = replace(told, remarks=(*told.remarks, *judge(job, at)))
    misfit = never_fits(job.resources, prospects, job.cluster)
    if misfit is not None:
        return _never(told, misfit.message, misfit.hint)
    with control.store.read() as tx:
        if decided.from_job is not None:
            job = begin_from(tx, job, decided.from_job, within)
        if decided.after:
            job = begin_after(tx, job, decided.after, within)
        expect_secrets(tx, job)
        group = elements_of(job, decided.array)
        job = group[0]
        if job.array_id is not None:
            told = replace(told, remarks=(planned.array(job), *told.remarks))
        try:
            Places(tx).take(job, len(group))
        except SpecError as error:
            return _never(told, error.message, error.hint)
    tried = control.books.try_out(_unhindered(job, now), now)
    if at is not None:
        return _on_kubernetes(told, tried, job, at, now)
    placed, placement = _where(tried, job, prospects)
    told = replace(
        told,
        outcome="now" if tried.placement and not waiting.obstacle(job, now) else "waits",
        text=_sentence(job, tried, [] if is_up else prospects, now),
        preempts=tried.preempts,
        position=tried.position if tried.placement is None else None,
        starts_at=tried.starts_at if tried.placement is None else None,
    )
    if placement is None:
        return told
    with control.store.read() as tx:
        nodes, environment = _gang(tx, job, placement, prospects, now)
    return replace(
        told, placed=placed, cluster=placement.cluster, nodes=nodes, environment=environment
    )


def _on_kubernetes(told: Plan, tried: Tried, job: Job, at: KubernetesCluster, now: float) -> Plan:
    """Of its nodes nobody knows anything before they are there."""
    text, is_due = _sentence(job, tried, [], now), False
    if tried.placement is not None:
        obstacle = waiting.obstacle(job, now)
        text = f"would get a RayJob on {at.name} now, and start when Kubernetes has its pods up"
        text, is_due = planned.kept_back(obstacle, text) if obstacle else text, not obstacle
    position = tried.position if tried.placement is None else None
    outcome = "now" if is_due else "waits"
    return replace(told, outcome=outcome, text=text, position=position, cluster=at.name)


def _never(told: Plan, message: str, hint: str | None) -> Plan:
    return replace(told, outcome="never", text=planned.never(message), hint=hint or "")


def _remarks(spec: JobSpec, decided: JobSpec) -> tuple[str, ...]:
    told = remarks(decided)
    if spec.resources.gpus_per_worker is None:
        gpus = decided.resources.gpus_per_worker or 0
        told = [planned.decided_gpus(spec.framework, gpus), *told]
    return tuple(told)


def _unhindered(job: Job, now: float) -> Job:
    """As if only resources could keep it waiting."""
    return replace(job, after=(), array_waits=False, not_before=0.0, queued_at=now, kept_back_s=0.0)


def _sentence(job: Job, tried: Tried, starting: Sequence[ClusterView], now: float) -> str:
    if tried.placement is not None:
        where = tried.placement
        text = planned.starts_now(where, job.resources)
    elif tried.preempts:
        text = planned.preempts(tried.preempts)
    else:
        why = planned.with_hopes(tried.why, starting)
        text = planned.waits(why, tried.position, tried.starts_at, now)
    obstacle = waiting.obstacle(job, now)
    return planned.kept_back(obstacle, text) if obstacle else text


def _where(
    tried: Tried, job: Job, prospects: Sequence[ClusterView]
) -> tuple[str, Placement | None]:
    """How its place is meant, as `Plan.placed` says it, and the place."""
    if tried.placement is not None:
        return "now", tried.placement
    if tried.later is not None:
        return "later", tried.later
    for view in sorted(prospects, key=lambda view: (not view.is_live, view.name)):
        if job.cluster in {ANY, view.name}:
            found = place(job.resources, Room.whole(view.nodes))
            if found is not None:
                return "empty", Placement(job.id, view.name, found)
    return "", None


def _gang(
    tx: Connection,
    job: Job,
    placement: Placement,
    prospects: Sequence[ClusterView],
    now: float,
) -> tuple[tuple[PlannedNode, ...], dict[str, str]]:
    """Its ranks on the nodes, and the environment of rank 0."""
    unnamed = planned.unnamed(job)
    resume = resumes_from(tx, job)
    granted = lifecycle.place(
        unnamed, placement.cluster, placement.workers_by_node, now, resume
    ).job
    row = clusters.get(tx, placement.cluster)
    addresses = {node.node_id: node.address for node in row.nodes} if row else {}
    hosts = {node.node_id: node.host for view in prospects for node in view.nodes}
    gpus = job.resources.gpus_per_worker
    nodes, first = [], 0
    for slot in granted.allocation.slots if granted.allocation else ():
        ranks = tuple(range(first, first + slot.ranks))
        first += slot.ranks
        host = hosts.get(slot.node_id, "")
        nodes.append(PlannedNode(slot.node_id, host, ranks, gpus * slot.workers))
    launch = launch_of(granted, placement.cluster)
    return tuple(nodes), planned.environment(granted, launch, addresses)
