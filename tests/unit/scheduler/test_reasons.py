"""The sentences themselves: what a user reads under `launcher why`."""
# ruff: noqa: RUF001 - the sentences have a times sign

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.model.pools import Pool, Pools
from launcher.scheduler.decide import scheduler_of
from launcher.scheduler.state import State

GIB = 2**30


@pytest.fixture(scope="module")
def why(cluster, reasons):
    """Why the last of the jobs waits."""

    def run(nodes, *jobs, held=(), others=()):
        clusters = (*([cluster(*nodes)] if nodes else []), *others)
        return reasons(State(clusters, jobs, tuple(held)), now=100.0)[jobs[-1].job_id]

    return run


def test_too_little_is_free(node, waiting, running, why):
    job = waiting("digits", workers=4, gpus_per_worker=1)
    held = [running("bert-x1y2z3", ("id-a", 2), gpus_per_worker=1)]
    assert why([node("a", free_gpus=2)], job, held=held) == (
        "needs 4 GPUs, 2 are free (node-a: 2 of 4; bert-x1y2z3 holds 2)"
    )


def test_programs_that_are_not_ours_are_named_too(node, waiting, running, why):
    job = waiting("digits", gpus_per_worker=4)
    held = [running("bert", ("id-a", 1), gpus_per_worker=1)]
    assert why([node("a", free_gpus=1)], job, held=held) == (
        "needs 4 GPUs, 1 is free (node-a: 1 of 4; bert holds 1; others on the cluster hold 2)"
    )


def test_a_job_placed_in_this_cycle_is_a_holder(node, waiting, why):
    jobs = [waiting("first", at=1, gpus_per_worker=3), waiting("second", at=2, gpus_per_worker=2)]
    assert why([node("a")], *jobs) == ("needs 2 GPUs, 1 is free (node-a: 1 of 4; first holds 3)")


def test_two_allocations_of_one_job_are_added(node, waiting, running, why):
    held = [running("bert", ("id-a", 1), gpus_per_worker=1) for _ in range(2)]
    assert why([node("a", free_gpus=2)], waiting("w", gpus_per_worker=3), held=held) == (
        "needs 3 GPUs, 2 are free (node-a: 2 of 4; bert holds 2)"
    )


def test_long_lists_are_cut(node, waiting, running, why):
    nodes = [node(name, free_gpus=0) for name in "abcde"]
    held = [running(f"job-{n.node_id[-1]}", (n.node_id, 4), gpus_per_worker=1) for n in nodes]
    assert why(nodes, waiting("w", gpus_per_worker=1), held=held) == (
        "needs 1 GPU, 0 are free (node-a: 0 of 4; node-b: 0 of 4; node-c: 0 of 4; 2 more nodes; "
        "job-a holds 4; job-b holds 4; job-c holds 4; 2 more jobs)"
    )


def test_only_nodes_that_match_count(node, waiting, why):
    a100 = {"labels": {"ray.io/accelerator-type": "A100"}}
    nodes = [node("a", free_gpus=1, **a100), node("b")]
    assert why(nodes, waiting("w", gpus_per_worker=2, accelerator="A100")) == (
        "needs 2 GPUs on A100 nodes, 1 is free (node-a: 1 of 4; others on the cluster hold 3)"
    )


def test_what_a_job_holds_on_other_nodes_is_left_out(node, waiting, running, why):
    nodes = [node("a", free_gpus=1, labels={"zone": "1"}), node("b", free_gpus=1)]
    held = [running("bert", ("id-a", 3), ("id-b", 3), gpus_per_worker=1)]
    assert why(nodes, waiting("w", gpus_per_worker=2, labels={"zone": "1"}), held=held) == (
        "needs 2 GPUs on nodes with zone=1, 1 is free (node-a: 1 of 4; bert holds 3)"
    )


def test_memory_is_told_as_a_size(node, waiting, running, why):
    held = [running("bert", ("id-a", 1), memory_per_worker=48 * GIB, is_counted=False)]
    assert why([node("a")], waiting("w", memory_per_worker=32 * GIB), held=held) == (
        "needs 32 GiB of memory, 16 GiB is free (node-a: 16 GiB of 64 GiB; bert holds 48 GiB)"
    )


def test_enough_is_free_but_on_different_nodes(node, waiting, why):
    nodes = [node("a", free_gpus=2), node("b", free_gpus=2)]
    assert why(nodes, waiting("w", gpus_per_worker=4)) == (
        "needs 4 GPUs on one node; no node has that free "
        "(node-a: 2 of 4; node-b: 2 of 4; others on the cluster hold 4)"
    )


def test_room_for_some_of_the_workers(node, waiting, why):
    nodes = [node("a", free_gpus=3), node("b", free_gpus=3)]
    assert why(nodes, waiting("w", workers=3, gpus_per_worker=2, uneven=True)) == (
        "needs 3 workers × 2 GPUs; there is room for 2 "
        "(node-a: 3 of 4; node-b: 3 of 4; others on the cluster hold 2)"
    )


def test_room_for_all_workers_but_not_the_same_number_on_each_node(node, waiting, why):
    nodes = [node("a", free_gpus=3), node("b", free_gpus=1)]
    assert why(nodes, waiting("w", workers=4, gpus_per_worker=1)) == (
        "needs 4 workers × 1 GPU, the same number on each node; what is free is scattered "
        "(node-a: 3 of 4; node-b: 1 of 4; others on the cluster hold 4)"
    )


def test_two_resources_that_are_free_on_different_nodes(node, waiting, why):
    nodes = [node("a", free_gpus=0), node("b", free_cpus=0)]
    assert why(nodes, waiting("w", gpus_per_worker=1, cpus_per_worker=2)) == (
        "needs 1 GPU, 2 CPUs on one node; no node has that free (node-b: 4 of 4 GPUs, "
        "0 of 16 CPUs; node-a: 0 of 4 GPUs, 16 of 16 CPUs; "
        "others on the cluster hold 4 GPUs, 16 CPUs)"
    )


def test_behind_another_job(node, waiting, why):
    first = waiting("digits-ab12cd", at=1, workers=4, gpus_per_worker=1)
    assert why([node("a", free_gpus=1)], first, waiting("w", at=2, gpus_per_worker=1)) == (
        "waits behind digits-ab12cd, which needs 4 GPUs"
    )


def test_a_job_that_knows_when_it_starts_says_so_also_to_those_behind_it(
    node, waiting, running, why
):
    held = [running("bert-x1y2z3", ("id-a", 4), gpus_per_worker=1, lasts_s=2500.0)]
    nodes, gang = [node("a", free_gpus=0)], waiting("w", at=1, gpus_per_worker=4)
    assert why(nodes, gang, held=held) == (
        "needs 4 GPUs, 0 are free (node-a: 0 of 4; bert-x1y2z3 holds 4); "
        "it starts when bert-x1y2z3 ends, in about 40m"
    )
    assert why(nodes, gang, waiting("v", at=2, gpus_per_worker=1), held=held) == (
        "waits behind w, which needs 4 GPUs and starts when bert-x1y2z3 ends, in about 40m"
    )


def test_a_gang_that_others_make_room_for(node, waiting, running, why):
    held = [running("bert-x1y2z3", ("id-a", 4), gpus_per_worker=1, is_ending=True)]
    assert why([node("a", free_gpus=0)], waiting("w", gpus_per_worker=4), held=held) == (
        "needs 4 GPUs, 0 are free (node-a: 0 of 4; bert-x1y2z3 holds 4); "
        "it starts as soon as bert-x1y2z3 left"
    )


def test_several_clusters_each_with_its_own_reason(node, cluster, waiting, why):
    prod = cluster(node("b", cluster="prod", free_gpus=2), name="prod")
    jobs = [
        waiting("bound", at=1, gpus_per_worker=4, cluster="local"),
        waiting("w", at=2, gpus_per_worker=3),
    ]
    assert why([node("a", free_gpus=0)], *jobs, others=[prod]) == (
        "on local: waits behind bound, which needs 4 GPUs; on prod: needs 3 GPUs, 2 are free "
        "(node-b: 2 of 4; others on the cluster hold 2)"
    )


def test_more_than_the_cluster_has(node, waiting, why):
    assert why([node("a")], waiting("w", gpus_per_worker=8)) == (
        "needs 8 GPUs on one node; the largest node (node-a, cluster local) has 4 GPUs, 16 CPUs, "
        "64 GiB of memory"
    )


def test_a_silent_cluster_that_could_hold_the_job_is_told_of(node, cluster, waiting, why):
    prod = cluster(node("b", gpus=8), name="prod", silent_s=40.2)
    reason = why([node("a")], waiting("w", gpus_per_worker=8), others=[prod])
    assert reason.endswith("; cluster prod does not answer (silent for 40s)")
    reason = why([node("a")], waiting("w", gpus_per_worker=9), others=[prod])
    assert "prod" not in reason


def test_a_cluster_that_does_not_answer(node, cluster, waiting, why):
    prod = cluster(node("b"), name="prod", silent_s=40.2)
    lab = cluster(name="lab", silent_s=90.0)
    assert why([], waiting("w", cluster="prod"), others=[prod, lab]) == (
        "cluster prod does not answer (silent for 40s)"
    )
    assert why([], waiting("w"), others=[prod, lab]) == (
        "cluster lab does not answer (silent for 1m30s), prod does not answer (silent for 40s)"
    )


def test_no_cluster_yet(waiting, why):
    assert why([], waiting("w")) == "no cluster is up yet"
    assert why([], waiting("w", cluster="prod")) == "cluster prod is not up yet"


def test_a_cluster_that_is_mistyped(node, cluster, waiting, why):
    there = [cluster(node("a"), name="prod"), cluster(node("b"), name="lab")]
    assert why([], waiting("w", cluster="prdo"), others=there) == (
        "cluster prdo is not up yet (there is lab, prod)"
    )


@pytest.fixture(scope="module")
def why_after(cluster):
    """Why a job waits whose cluster was reported anew since the queue was looked at."""

    def run(job, *, before, now):
        views = [one if hasattr(one, "nodes") else cluster(*one) for one in (before, now)]
        scheduler = scheduler_of(State((views[0],), (job,)))
        scheduler.decide(100.0)
        scheduler.report(views[1])
        return scheduler.why(job.job_id, 101.0)

    return run


def test_nodes_that_went_since_are_not_counted(node, waiting, why_after):
    job, head = waiting("w", gpus_per_worker=4), node("head", gpus=0)
    busy, going = node("a", free_gpus=0), node("a", free_gpus=0, leaving="drained by ada")
    assert why_after(job, before=[busy], now=[]) == "cluster local has no nodes yet"
    assert why_after(job, before=[busy, head], now=[head]) == (
        "needs 4 GPUs on one node; the largest node (node-head, cluster local) has 0 GPUs, "
        "16 CPUs, 64 GiB of memory"
    )
    assert why_after(job, before=[busy, head], now=[going, head]) == (
        "would have a place if no node left: node-a is about to go (drained by ada)"
    )


def test_nodes_of_the_kind_that_went_since_are_not_counted(node, waiting, why_after):
    a100 = node("a", free_gpus=0, labels={"ray.io/accelerator-type": "A100"})
    job = waiting("w", gpus_per_worker=4, accelerator="A100")
    assert why_after(job, before=[a100, node("b")], now=[node("b")]) == (
        "needs A100 nodes; cluster local has none"
    )


def test_nodes_that_went_since_and_may_come_again(cluster, node, waiting, why_after):
    pool = Pool("gpu", {"CPU": 16.0, "GPU": 4.0}, most=1)
    before = replace(cluster(node("a", free_gpus=0)), pools=Pools((pool,)))
    after = replace(cluster(), pools=Pools((replace(pool, more=1),), more=1))
    assert why_after(waiting("w", gpus_per_worker=4), before=before, now=after) == (
        "needs 4 GPUs; cluster local has no such node now, and can start some"
    )


@pytest.mark.parametrize("is_new", [True, False], ids=["a node", "a place on a node"])
def test_what_came_since_is_told(node, waiting, why_after, is_new):
    before = [] if is_new else [node("a", free_gpus=0)]
    assert why_after(waiting("w", gpus_per_worker=4), before=before, now=[node("a")]) == (
        "what it needs came free just now; it starts with the next look at the queue"
    )


def test_a_cluster_that_starts_its_nodes_and_has_none_of_that_kind(cluster, waiting, why):
    labels = {"ray.io/accelerator-type": "A100"}
    pool = Pool("gpu", {"CPU": 16.0, "GPU": 4.0}, labels, most=2, more=2)
    growing = replace(cluster(), pools=Pools((pool,), more=2))
    assert why([], waiting("w", gpus_per_worker=4, accelerator="H100"), others=[growing]) == (
        "needs H100 nodes; cluster local has none"
    )


def test_a_cluster_without_nodes(cluster, waiting, why):
    assert why([], waiting("w"), others=[cluster()]) == "cluster local has no nodes yet"


def test_back_off(node, waiting, why):
    assert why([node("a")], waiting("w", not_before=108.4)) == (
        "backs off after its last attempt; the next is due in 8s"
    )
