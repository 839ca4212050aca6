"""Nodes as the cluster page draws them."""

import pytest

from launcher.model import lifecycle
from launcher.scheduler.state import ClusterView, NodeView
from launcher.server.control import new_job
from launcher.server.floorplan import HUES, ROOMY, Palette, floorplan
from launcher.spec.judge import spec_from_data


def node(name, cpus=8.0, gpus=4.0, free_cpus=None, free_gpus=None):
    total = {"CPU": cpus, "GPU": gpus}
    free = {
        "CPU": cpus if free_cpus is None else free_cpus,
        "GPU": gpus if free_gpus is None else free_gpus,
    }
    return NodeView("lab", name, f"host-{name}", total, free)


def held(name, places, gpus=1):
    """A job's allocation: so many workers on each node."""
    workers = sum(count for _, count in places)
    keys = {"workers": workers, "gpus_per_worker": gpus, "cpus_per_worker": 2, "uneven": True}
    spec = {"name": name, "framework": "command", "entrypoint": ["true"], "workdir": "/tmp"}
    job = new_job(
        spec_from_data(spec | {"resources": keys}), code="", user="ada", python="", now=1.0
    )
    job = lifecycle.place(job, "lab", places, 2.0).job
    return job.allocation, job


def runs(of):
    return [(run.first, run.count, run.holder.job if run.holder else None) for run in of]


def test_cells_are_held_side_by_side_then_by_strangers_then_free():
    one, other = held("one", [("n1", 2)]), held("other", [("n1", 1)])
    plan = floorplan(ClusterView("lab", (node("n1", free_gpus=0.0),)), [one, other])
    (drawn,) = plan.nodes
    assert runs(drawn.gpu_runs) == [(0, 2, one[1].id), (2, 1, other[1].id), (3, 1.0, None)]
    assert runs(drawn.cpu_runs) == [(0, 4, one[1].id), (4, 2, other[1].id)]
    assert (plan.free_gpus, plan.free_cpus) == (0, 2)


def test_a_job_that_needs_no_gpu_has_no_cells_of_them():
    plan = floorplan(ClusterView("lab", (node("n1"),)), [held("one", [("n1", 2)], gpus=0)])
    assert plan.nodes[0].gpu_runs == ()
    assert plan.free_gpus == 4


def test_a_node_that_went_away_is_drawn_as_long_as_a_job_may_run_there():
    allocation, job = held("one", [("n1", 1), ("n2", 3)])
    plan = floorplan(ClusterView("lab", (node("n1"),)), [(allocation, job)])
    gone, living = plan.nodes
    assert (gone.node_id, gone.is_gone, gone.gpus) == ("n2", True, 3)
    assert (living.node_id, living.is_gone) == ("n1", False)
    assert plan.free_gpus == 3
    closed = lifecycle.allocation_failed(job, allocation.number, "the node is gone", 3.0).job
    assert closed.allocation is not None
    left = [one.is_gone for one in floorplan(ClusterView("lab", (node("n1"),)), []).nodes]
    assert left == [False]


def test_a_silent_cluster_is_drawn_as_it_was_seen_last():
    plan = floorplan(ClusterView("lab", (node("n1"),), is_live=False, silent_s=60.0), [])
    assert not plan.is_live
    assert [one.label for one in plan.nodes] == ["host-n1"]


def test_nodes_stand_by_their_numbers_and_many_are_drawn_small():
    plan = floorplan(ClusterView("lab", tuple(node(f"n{at}") for at in (10, 9, 1, 2))), [])
    assert [one.node_id for one in plan.nodes] == ["n1", "n2", "n9", "n10"]
    assert plan.is_roomy
    many = tuple(node(f"n{at}") for at in range(ROOMY + 1))
    assert not floorplan(ClusterView("lab", many), []).is_roomy


def test_tenants_are_told_the_largest_first_with_all_that_they_hold():
    small, large = held("small", [("n1", 1)]), held("large", [("n1", 1), ("n2", 2)])
    plan = floorplan(ClusterView("lab", (node("n1"), node("n2"))), [small, large])
    told = [(one.holder.job, one.holder.gpus, one.holder.ranks, one.nodes) for one in plan.tenants]
    assert told == [(large[1].id, 3, 3, 2), (small[1].id, 1, 1, 1)]


def test_a_job_keeps_its_colour_and_as_many_as_there_are_differ():
    palette = Palette()
    jobs = [f"job-{at}" for at in range(HUES)]
    hues = palette.of(jobs)
    assert sorted(hues.values()) == list(range(HUES))
    later = palette.of([*jobs[5:], "new"])
    assert {job: later[job] for job in jobs[5:]} == {job: hues[job] for job in jobs[5:]}
    assert later["new"] in {hues[job] for job in jobs[:5]}


@pytest.mark.parametrize("count", [1, HUES, 5 * HUES])
def test_colours_are_used_evenly(count):
    hues = list(Palette().of([f"job-{at}" for at in range(count)]).values())
    used = [hues.count(hue) for hue in range(HUES)]
    assert max(used) - min(used) <= 1
