from __future__ import annotations

from dataclasses import fields, replace

import pytest

from launcher.model.job import Resources
from launcher.scheduler.decide import decide
from launcher.scheduler.state import Placement, State


@pytest.fixture(scope="module")
def placed(cluster):
    """Ids of the jobs that a cycle on one cluster places, in order."""

    def run(nodes, *jobs, now=100.0, held=()):
        decisions = decide(State((cluster(*nodes),), jobs, tuple(held)), now)
        return [placement.job_id for placement in decisions.placements]

    return run


def test_a_placement_names_the_cluster_and_the_ranks_of_each_node(node, cluster, waiting):
    job = waiting("digits", workers=8, gpus_per_worker=1)
    decisions = decide(State((cluster(node("a"), node("b")),), (job,)), now=0.0)
    assert decisions.placements == (Placement("digits", "local", (("id-a", 4), ("id-b", 4))),)


def test_the_higher_priority_goes_first_then_the_earlier_submission(node, placed, waiting):
    jobs = [
        waiting("a-late", at=2),
        waiting("urgent", at=3, priority=90),
        waiting("c-early", at=1),
        waiting("b-early", at=1),
    ]
    assert placed([node("a")], *jobs) == ["urgent", "b-early", "c-early", "a-late"]


def test_a_job_that_fits_does_not_overtake_a_gang_that_waits(node, placed, waiting):
    gang = waiting("gang", at=1, gpus_per_worker=4)
    small = waiting("small", at=2, gpus_per_worker=1)
    assert placed([node("a", free_gpus=2)], gang, small) == []


def test_a_gang_that_lacks_a_node_that_is_away_blocks_nobody(node, placed, waiting):
    gang = waiting("gang", at=1, workers=8, gpus_per_worker=1)
    small = waiting("small", at=2, gpus_per_worker=1)
    assert placed([node("a", free_gpus=2)], gang, small) == ["small"]
    assert placed([node("a", free_gpus=2), node("b", free_gpus=0)], gang, small) == []


def test_a_job_in_its_back_off_blocks_nobody_and_goes_when_it_is_over(node, placed, waiting):
    failed = waiting("failed", at=1, not_before=108.0, gpus_per_worker=4)
    small = waiting("small", at=2, gpus_per_worker=1)
    assert placed([node("a")], failed, small) == ["small"]
    assert placed([node("a")], failed, small, now=108.0) == ["failed"]


def test_a_blocked_cluster_does_not_block_another(node, cluster, waiting):
    lab = cluster(node("a", free_gpus=0, cluster="lab"), name="lab")
    prod = cluster(node("b", cluster="prod"), name="prod")
    jobs = (
        waiting("big", at=1, cluster="lab", gpus_per_worker=4),
        waiting("bound", at=2, cluster="lab", gpus_per_worker=1),
        waiting("free", at=3, gpus_per_worker=1),
    )
    decisions = decide(State((prod, lab), jobs), now=0.0)
    assert decisions.placements == (Placement("free", "prod", (("id-b", 1),)),)


def test_a_job_for_any_cluster_blocks_all_that_could_hold_it(node, cluster, waiting):
    lab = cluster(node("a", free_gpus=0, cluster="lab"), name="lab")
    prod = cluster(node("b", free_gpus=3, cluster="prod"), name="prod")
    tiny = cluster(node("c", gpus=1, cluster="tiny"), name="tiny")
    jobs = (waiting("big", at=1, gpus_per_worker=4), waiting("small", at=2, gpus_per_worker=1))
    decisions = decide(State((lab, prod, tiny), jobs), now=0.0)
    assert decisions.placements == (Placement("small", "tiny", (("id-c", 1),)),)


def test_nothing_is_placed_on_a_cluster_that_does_not_answer(node, cluster, waiting):
    silent = cluster(node("a"), silent_s=40.0)
    assert decide(State((silent,), (waiting("digits"),)), now=0.0).placements == ()


def test_placements_of_one_cycle_do_not_share_a_gpu(node, placed, waiting):
    jobs = [waiting(f"job-{i}", at=i, gpus_per_worker=2) for i in range(3)]
    assert placed([node("a")], *jobs) == ["job-0", "job-1"]


def test_a_grant_of_the_cycle_before_counts_before_it_is_reported(node, placed, waiting, running):
    granted = running("bert", ("id-a", 4), gpus_per_worker=1, is_counted=False)
    assert placed([node("a")], waiting("digits", gpus_per_worker=1), held=[granted]) == []


OTHER_GANGS = [
    {"workers": 4},
    {"cpus_per_worker": 3},
    {"gpus_per_worker": 2},
    {"memory_per_worker": 2**30},
    {"custom": {"licence": 1}},
    {"labels": {"zone": "1"}},
    {"accelerator": "A100"},
    {"placement": "spread"},
    {"nodes": 2},
    {"workers_per_node": 1},
    {"uneven": True},
    {"fewest": 1},
]


@pytest.mark.parametrize("other", OTHER_GANGS)
def test_what_is_known_of_one_gang_is_not_taken_for_another(other):
    gang = Resources(2)
    assert gang.footprint == Resources(2).footprint
    assert gang.footprint != replace(gang, **other).footprint


def test_the_gangs_above_differ_in_every_way_a_gang_can():
    tried = {key for other in OTHER_GANGS for key in other}
    # How many of its workers are one process changes nothing of where they fit.
    assert tried == {field.name for field in fields(Resources)} - {"replicas_per_rank"}


def test_two_clusters_may_name_their_nodes_alike(node, cluster, waiting, running):
    lab = cluster(node("a", cluster="lab"), name="lab")
    prod = cluster(node("a", cluster="prod"), name="prod")
    held = running("bert", ("id-a", 4), gpus_per_worker=1, is_counted=False, cluster="lab")
    decisions = decide(State((lab, prod), (waiting("w", gpus_per_worker=4),), (held,)), now=0.0)
    assert decisions.placements == (Placement("w", "prod", (("id-a", 1),)),)
