"""Gangs, nodes, queues and what runs, as hypothesis draws them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from launcher.model.job import Resources
from launcher.model.project import Project, Usage
from launcher.scheduler.place import place
from launcher.scheduler.room import Room
from launcher.scheduler.state import ClusterView, NodeView, State, Waiting, started

NOW = 100_000.0
SOME = st.integers(1, 4)

UNITS = 10_000  # of Ray's fixed point in 1.0


@st.composite
def gangs(draw):
    """Gangs whose shape the spec lets through."""
    uneven = draw(st.booleans())
    nodes = draw(st.none() | st.integers(1, 4))
    each = draw(st.none() | st.integers(1, 3))
    workers = draw(st.integers(1, 8))
    if nodes and each:
        workers = draw(st.integers(nodes, nodes * each)) if uneven else nodes * each
    elif (nodes or each) and not uneven:
        workers = (nodes or each) * draw(st.integers(1, 3))
    elif nodes:
        workers = max(workers, nodes)
    fewest = None
    if not (nodes and each) and draw(st.integers(0, 3)) == 0:
        step = 1 if uneven else nodes or each or 1
        fewest = step * draw(st.integers(-(-(nodes or 1) // step), workers // step))
    kinds = ["pack"] if nodes or each else ["pack", "spread", "single_node"]
    return Resources(
        workers=workers,
        cpus_per_worker=draw(st.sampled_from([0.1, 0.3, 1, 2])),
        gpus_per_worker=draw(st.integers(0, 2)),
        memory_per_worker=draw(st.sampled_from([0, 0, 3])),
        accelerator=draw(st.sampled_from([None, None, None, "A100"])),
        labels=draw(st.sampled_from([{}, {}, {"zone": "1"}])),
        placement=draw(st.sampled_from(kinds)),
        nodes=nodes,
        workers_per_node=each,
        uneven=uneven,
        fewest=fewest,
    )


@st.composite
def node_views(draw, cluster="local", count=SOME):
    views = []
    for index in range(draw(count)):
        total = {
            "CPU": draw(st.sampled_from([0.3, 1, 2, 4, 8])),
            "GPU": draw(st.integers(0, 4)),
            "memory": draw(st.integers(0, 12)),
        }
        labels = {"zone": "1"} if draw(st.booleans()) else {}
        if draw(st.booleans()):
            labels["ray.io/accelerator-type"] = draw(st.sampled_from(["A100", "a100", "T4"]))
        views.append(NodeView(cluster, f"n{index}", f"host-{index}", total, dict(total), labels))
    return tuple(views)


PROJECTS = st.sampled_from(["default", "vision", "speech"])
USERS = st.sampled_from(["ada", "bob"])


@st.composite
def projects(draw):
    limits = st.none() | st.integers(0, 6)
    return tuple(
        Project(
            name,
            weight=draw(st.sampled_from([1.0, 1.0, 3.0])),
            gpus=draw(limits),
            cpus=draw(limits),
            running=draw(limits),
        )
        for name in ("vision", "speech")
    )


@st.composite
def jobs(draw, number, resources=None):
    """One that waits at NOW."""
    return Waiting(
        job_id=f"job-{number}",
        name="job",
        priority=draw(st.integers(48, 51)),
        submitted_at=NOW - draw(st.sampled_from([0.0, 10.0, 3600.0, 86_400.0, 200_000.0])),
        queued_at=NOW,
        not_before=draw(st.sampled_from([0.0, 0.0, 0.0, NOW + 50])),
        cluster=draw(st.sampled_from(["any", "any", "lab", "prod"])),
        resources=resources or draw(gangs()),
        project=draw(PROJECTS),
        user=draw(USERS),
        lasts_s=draw(st.sampled_from([None, 60.0, 3600.0, 100_000.0])),
        preemptible=draw(st.booleans()),
    )


def as_running(job, cluster, where, since, **more):
    """The job once it was placed."""
    return replace(started(job, cluster, where, since), **more)


@st.composite
def worlds(draw, waiting=6, running=5):
    """A state in which nothing is over-committed: jobs were placed one by one before."""
    clusters = []
    for name in ("lab", "prod"):
        nodes = draw(node_views(cluster=name, count=st.integers(0, 3)))
        clusters.append(ClusterView(name, nodes, is_live=draw(st.integers(0, 4)) > 0))
    held = []
    for number in range(draw(st.integers(0, running))):
        job = draw(jobs(f"r{number}"))
        view = draw(st.sampled_from(clusters))
        room = Room.whole(view.nodes)
        for other in held:
            if other.cluster == view.name:
                room.take(other.resources, other.workers_by_node)
        where = place(job.resources, room)
        if where is not None:
            since = NOW - draw(st.sampled_from([1.0, 30.0, 3000.0, 90_000.0]))
            saved = draw(st.none() | st.just(NOW) | st.floats(since, NOW))
            ending = draw(st.integers(0, 5)) == 0
            more = {"saved_at": saved, "is_ending": ending}
            held.append(as_running(job, view.name, where, since, **more))
    used = draw(st.lists(st.tuples(PROJECTS, USERS, st.floats(0, 1e7)), max_size=3))
    past = {
        (project, user): Usage(project, user, amount, amount, NOW) for project, user, amount in used
    }
    queue = tuple(draw(jobs(number)) for number in range(draw(st.integers(0, waiting))))
    return State(tuple(clusters), queue, tuple(held), draw(projects()), tuple(past.values()))


@st.composite
def elastic_worlds(draw):
    """One cluster on which elastic gangs run that saved just now, some of them small."""
    nodes = draw(node_views(cluster="lab", count=st.integers(1, 3)))
    view, held = ClusterView("lab", nodes), []
    for number in range(draw(st.integers(1, 5))):
        most = draw(st.integers(1, 6))
        gang = Resources(most, fewest=draw(st.integers(1, most)), uneven=draw(st.booleans()))
        job = replace(draw(jobs(f"r{number}", gang)), cluster="lab")
        room = Room.whole(nodes)
        for other in held:
            room.take(other.resources, other.workers_by_node)
        where = place(gang.of(draw(st.integers(gang.fewest, most))), room)
        if where is not None:
            ending = draw(st.integers(0, 9)) == 0
            more = {"saved_at": NOW - 1, "grows_from": NOW - 1, "is_ending": ending}
            one = as_running(job, "lab", where, NOW - 5000, **more)
            held.append(replace(one, wish=gang if one.resources.workers < most else None))
    queue = tuple(draw(jobs(number)) for number in range(draw(st.integers(0, 2))))
    return State((view,), queue, tuple(held), draw(projects()))
