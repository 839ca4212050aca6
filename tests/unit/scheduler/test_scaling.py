"""What clusters are asked to grow by: decided like all else, without a clock or a cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, gangs, node_views, projects

from launcher.model.pools import AskedNode, Pool, Pools
from launcher.model.project import Project
from launcher.scheduler.decide import decide, scheduler_of
from launcher.scheduler.fits import never_fits
from launcher.scheduler.room import units
from launcher.scheduler.state import ClusterView, NodeView, State, Waiting

GPU_NODE = {"CPU": 16.0, "GPU": 4.0}


@pytest.fixture(scope="session")
def pool():
    def build(name="gpu", *, more=2, most=4, **known):
        return Pool(name, known.pop("resources", GPU_NODE), most=most, more=more, **known)

    return build


@pytest.fixture(scope="session")
def growing(cluster):
    def build(nodes, *pools, more=None, name="local"):
        most = sum(pool.more for pool in pools) if more is None else more
        return replace(cluster(*nodes, name=name), pools=Pools(pools, most))

    return build


def asked(state, now=100.0):
    """By cluster and pool, how many nodes more."""
    return decide(state, now).scaling.more


# --- what is asked --------------------------------------------------------------------------------


def test_a_gang_gets_the_nodes_that_it_lacks_and_what_is_there_stays(node, growing, pool, waiting):
    view = growing([node("a", pool="gpu")], pool(more=3))
    job = waiting("bert", workers=8, gpus_per_worker=1)
    decided = decide(State((view,), (job,)), now=0.0)
    assert not decided.placements
    assert decided.scaling.nodes == {
        "local": (
            AskedNode({"GPU": 4, "CPU": 16}),  # else it would be idle, and go
            AskedNode(GPU_NODE, {}, 1),
        )
    }
    assert decided.scaling.jobs["bert"].more == {"gpu": 1}


def test_a_cluster_without_nodes_grows(growing, pool, waiting):
    job = waiting("bert", workers=8, gpus_per_worker=1)
    assert asked(State((growing([], pool()),), (job,))) == {"local": {"gpu": 2}}


def test_what_runs_counts_as_held_whoever_holds_it(node, growing, pool, waiting, running):
    nodes = [
        node("a", free_gpus=0, pool="gpu"),
        node("b", free_gpus=3, pool="gpu"),
        node("idle", gpus=0, pool="cpu"),
        node("by-hand", free_gpus=3),
    ]
    held = running("old", ("id-a", 4), gpus_per_worker=1)
    job = waiting("bert", workers=4, gpus_per_worker=1, placement="single_node")
    scaling = decide(State((growing(nodes, pool()),), (job,), (held,)), now=0.0).scaling
    # Neither the idle node nor one that the autoscaler did not start.
    assert scaling.nodes["local"] == (
        AskedNode({"GPU": 4, "CPU": 16}),
        AskedNode({"GPU": 4, "CPU": 16}),
        AskedNode(GPU_NODE, {}, 1),
    )


def test_nothing_is_asked_for_those_who_start_back_off_or_lack_quota(node, growing, pool, waiting):
    view = growing([node("a", pool="gpu")], pool())
    jobs = (
        waiting("starts", gpus_per_worker=4),
        waiting("backs-off", gpus_per_worker=4, not_before=500.0),
        waiting("poor", gpus_per_worker=4, project="poor"),
        waiting("behind", gpus_per_worker=4, project="poor"),
    )
    state = State((view,), jobs, projects=(Project("poor", gpus=0),))
    assert asked(state) == {}
    keep = AskedNode({"GPU": 4, "CPU": 16})
    assert decide(state, 100.0).scaling.nodes == {"local": (keep,)}
    assert decide(replace(state, waiting=jobs[1:]), 100.0).scaling.nodes == {"local": ()}


def test_quota_bounds_what_is_asked_for_all_jobs_of_a_project_together(growing, pool, waiting):
    jobs = tuple(waiting(f"job-{at}", at=at, gpus_per_worker=4, project="ml") for at in range(4))
    state = State((growing([], pool(more=9, most=9)),), jobs, projects=(Project("ml", gpus=8),))
    assert asked(state) == {"local": {"gpu": 2}}


def test_a_gang_for_which_not_all_could_come_is_not_asked_for_in_part(
    node, growing, pool, waiting, running
):
    nodes = [node("a", free_gpus=0, pool="gpu")]
    held = running("old", ("id-a", 4), gpus_per_worker=1)
    large = waiting("large", at=1, workers=12, gpus_per_worker=1)
    state = State((growing(nodes, pool(more=2, most=3)),), (large,), (held,))
    assert asked(state) == {}
    # What it will need is not given away to those behind it either.
    small = waiting("small", at=2, gpus_per_worker=1)
    assert asked(replace(state, waiting=(large, small))) == {}


def test_small_jobs_share_a_node_that_comes(growing, pool, waiting):
    jobs = tuple(waiting(f"job-{at}", at=at, gpus_per_worker=1) for at in range(5))
    assert asked(State((growing([], pool()),), jobs)) == {"local": {"gpu": 2}}


def test_an_elastic_gang_is_asked_for_at_its_smallest(growing, pool, waiting):
    job = waiting("bert", workers=8, fewest=4, gpus_per_worker=1)
    assert asked(State((growing([], pool()),), (job,))) == {"local": {"gpu": 1}}


def test_the_pool_that_wastes_least_comes_and_one_in_trouble_last(growing, pool, waiting):
    cheap = pool("cheap", resources={"CPU": 16.0})
    job = waiting("words", cpus_per_worker=8)
    assert asked(State((growing([], pool(), cheap),), (job,))) == {"local": {"cheap": 1}}
    troubled = replace(cheap, trouble="no capacity")
    assert asked(State((growing([], pool(), troubled),), (job,))) == {"local": {"gpu": 1}}


def test_pools_come_together_where_none_suffices_and_the_cluster_has_a_bound(
    growing, pool, waiting
):
    pools = pool("on-demand", more=1), pool("spot", more=1)
    job = waiting("bert", workers=8, gpus_per_worker=1)
    both = {"local": {"on-demand": 1, "spot": 1}}
    assert asked(State((growing([], *pools),), (job,))) == both
    assert asked(State((growing([], *pools, more=1),), (job,))) == {}


def test_labels_choose_the_pool(growing, pool, waiting):
    pools = pool("a", labels={"zone": "1"}), pool("b", labels={"zone": "2"})
    job = waiting("bert", gpus_per_worker=1, labels={"zone": "2"})
    state = State((growing([], *pools),), (job,))
    assert asked(state) == {"local": {"b": 1}}
    assert decide(state, 0.0).scaling.nodes["local"] == (AskedNode(GPU_NODE, {"zone": "2"}),)


def test_a_job_for_any_cluster_makes_one_of_them_grow(node, growing, pool, waiting):
    lab = growing([], pool(), name="lab")
    prod = growing([node("b", cluster="prod", pool="gpu")], pool(), name="prod")
    job = waiting("bert", workers=8, gpus_per_worker=1)
    assert asked(State((lab, prod), (job,))) == {"prod": {"gpu": 1}}


def test_what_is_on_its_way_back_is_not_asked_for(node, growing, pool, waiting, running):
    nodes = [node("a", free_gpus=0, pool="gpu")]
    leaving = running("old", ("id-a", 4), gpus_per_worker=1, is_ending=True)
    job = waiting("bert", gpus_per_worker=4)
    assert asked(State((growing(nodes, pool()),), (job,), (leaving,))) == {}


def test_who_preempts_asks_for_nothing(node, growing, pool, waiting, running):
    nodes = [node("a", free_gpus=0, pool="gpu")]
    low = running(
        "low", ("id-a", 4), gpus_per_worker=1, priority=10, preemptible=True, saved_at=50.0
    )
    job = waiting("urgent", priority=90, gpus_per_worker=4)
    decided = decide(State((growing(nodes, pool()),), (job,), (low,)), now=100.0)
    assert [one.job_id for one in decided.preemptions] == ["low"]
    assert decided.scaling.more == {}


def test_a_silent_cluster_is_not_decided_about(growing, pool, waiting):
    view = replace(growing([], pool()), is_live=False)
    assert decide(State((view,), (waiting("bert"),)), 0.0).scaling.nodes == {}


def test_a_node_that_people_drain_does_not_stand_for_a_new_one(node, growing, pool, waiting):
    nodes = [node("a", pool="gpu", leaving="drained by ada")]
    job = waiting("bert", gpus_per_worker=4)
    scaling = decide(State((growing(nodes, pool()),), (job,)), now=0.0).scaling
    assert scaling.nodes["local"] == (AskedNode({"GPU": 4, "CPU": 16}), AskedNode(GPU_NODE))


# --- meanwhile ------------------------------------------------------------------------------------


def test_nodes_that_a_growing_gang_will_use_are_kept_for_it(node, growing, pool, waiting):
    view = growing([node("a", pool="gpu")], pool())
    gang = waiting("gang", at=1, workers=8, gpus_per_worker=1)
    small = waiting("small", at=2, gpus_per_worker=1)
    decided = decide(State((view,), (gang, small)), now=0.0)
    assert not decided.placements
    assert decided.scaling.more == {"local": {"gpu": 2}}
    troubled = replace(view, pools=Pools((pool(trouble="no capacity"),), 2))
    decided = decide(State((troubled,), (gang, small)), now=0.0)
    assert [one.job_id for one in decided.placements] == ["small"]


def test_a_gang_whose_nodes_came_starts_and_keeps_them_until_it_has_them(
    node, growing, pool, waiting, running
):
    nodes = [node("a", pool="gpu"), node("b", pool="gpu")]
    job = waiting("bert", workers=8, gpus_per_worker=1)
    decided = decide(State((growing(nodes, pool(more=1)),), (job,)), now=0.0)
    assert [one.job_id for one in decided.placements] == ["bert"]
    keep = AskedNode({"GPU": 4, "CPU": 16})
    assert decided.scaling.nodes == {"local": (keep, keep)}
    for is_counted, asked in ((False, (keep, keep)), (True, ())):
        held = running("bert", ("id-a", 4), ("id-b", 4), gpus_per_worker=1, is_counted=is_counted)
        state = State((growing(nodes, pool(more=1)),), (), (held,))
        assert decide(state, 0.0).scaling.nodes == {"local": asked}


# --- what is refused, and what is said ------------------------------------------------------------


def test_what_could_come_counts_at_submit(node, growing, pool, waiting):
    view = growing([node("head", gpus=0, cpus=0)], pool(more=2))
    eight = waiting("w", workers=8, gpus_per_worker=1).resources
    assert never_fits(eight, (view,), "any") is None
    misfit = never_fits(replace(eight, workers=9), (view,), "any")
    assert str(misfit).endswith(
        "the largest node (pool gpu, cluster local) has 4 GPUs, 16 CPUs; "
        "cluster local grows to 8 GPUs in all"
    )
    four = replace(eight, workers=4, nodes=4)
    assert str(never_fits(four, (view,), "any")) == "needs 4 nodes; cluster local grows to 3"


def why(state, now=140.0, asked_at=None):
    """Why the last job waits; it was asked for at `asked_at`."""
    scheduler = scheduler_of(state)
    if asked_at is not None:
        scheduler.asked(scheduler.decide(asked_at).scaling, asked_at)
    scheduler.decide(now)
    return scheduler.why(state.waiting[-1].job_id, now)


def test_the_reason_says_what_comes_and_since_when(growing, pool, waiting):
    job = waiting("bert", workers=8, gpus_per_worker=1)

    def state(**known):
        return State((growing([], pool("a100", **known)),), (job,))

    assert why(state()) == "needs 2 nodes of pool a100, which cluster local would start"
    assert why(state(), asked_at=100.0) == (
        "waits for 2 nodes of pool a100, for which cluster local was asked 40s ago"
    )
    assert why(state(), asked_at=135.0).endswith("cluster local was asked just now")
    assert why(state(), asked_at=-500.0).endswith("cluster local was asked 11m ago")
    assert why(state(coming=2), asked_at=100.0) == (
        "waits for 2 nodes of pool a100, which cluster local is starting (asked 40s ago)"
    )
    assert why(state(trouble="InsufficientInstanceCapacity"), asked_at=100.0) == (
        "waits for 2 nodes of pool a100, for which cluster local was asked 40s ago; "
        "pool a100: InsufficientInstanceCapacity"
    )


def test_the_reason_tells_of_a_pool_that_is_full(node, growing, pool, waiting, running):
    nodes = [node("a", free_gpus=0, pool="gpu")]
    held = running("old", ("id-a", 4), gpus_per_worker=1)
    job = waiting("bert", gpus_per_worker=4)
    text = why(State((growing(nodes, pool(more=0, most=1)),), (job,), (held,)))
    assert text == (
        "needs 4 GPUs, 0 are free (node-a: 0 of 4; old holds 4); "
        "pool gpu has all 1 node that it may have"
    )


# --- whatever there is ----------------------------------------------------------------------------


@st.composite
def worlds(draw):
    pools = tuple(
        Pool(
            name,
            {"CPU": draw(st.sampled_from([1.0, 4.0, 8.0])), "GPU": float(draw(st.integers(0, 4)))},
            draw(st.sampled_from([{}, {"zone": "1"}])),
            most=8,
            more=draw(st.integers(0, 5)),
            trouble=draw(st.sampled_from(["", "", "no capacity"])),
        )
        for name in ("one", "two")[: draw(st.integers(1, 2))]
    )
    nodes = tuple(replace(one, pool="one") for one in draw(node_views(count=st.integers(0, 3))))
    busy = tuple(replace(one, free=draw(st.sampled_from([one.total, {}]))) for one in nodes)
    view = ClusterView("local", busy, pools=Pools(pools, draw(st.integers(0, 8))))
    jobs = tuple(
        Waiting(
            f"job-{at}",
            "job",
            50,
            float(at),
            float(at),
            0.0,
            "any",
            draw(gangs()),
            project=draw(st.sampled_from(["default", "vision", "speech"])),
            preemptible=draw(st.booleans()),
        )
        for at in range(draw(st.integers(0, 6)))
    )
    return State((view,), jobs, projects=draw(projects()))


@given(worlds())
def test_never_more_is_asked_than_could_come_and_never_for_nobody(state):
    [view] = state.clusters
    scaling = decide(state, NOW).scaling
    more = Counter(scaling.more.get("local", {}))
    assert more.total() <= view.pools.more
    assert all(more[pool.name] <= view.pools.within(pool) for pool in view.pools.pools)
    wanted = Counter()
    for lacking in scaling.jobs.values():
        wanted.update(lacking.more)
    assert wanted == more


@given(worlds())
def test_no_project_is_asked_for_more_than_its_quota(state):
    decided = decide(state, NOW)
    jobs = {job.job_id: job for job in state.waiting}
    start = {one.job_id for one in decided.placements}
    for project in state.projects:
        mine = [
            jobs[job_id]
            for job_id in start | decided.scaling.jobs.keys()
            if jobs[job_id].project == project.name and not jobs[job_id].preemptible
        ]
        for limit, name in ((project.gpus, "GPU"), (project.cpus, "CPU")):
            needs = sum(
                units(each.resources.per_worker().get(name, 0.0)) * each.resources.smallest.workers
                for each in mine
            )
            assert limit is None or needs <= units(limit)
        assert project.running is None or len(mine) <= project.running


@given(worlds())
def test_with_the_nodes_that_were_asked_for_somebody_starts(state):
    [view] = state.clusters
    decided = decide(state, NOW)
    more = decided.scaling.more.get("local", {})
    if not more or decided.placements:
        return
    fresh = [
        a_node(pool, f"x{pool.name}{number}")
        for pool in view.pools.pools
        for number in range(more.get(pool.name, 0))
    ]
    grown = replace(view, nodes=(*view.nodes, *fresh), pools=Pools((), 0))
    assert decide(replace(state, clusters=(grown,)), NOW).placements


def a_node(pool, name):
    resources = pool.resources
    return NodeView("local", name, name, resources, resources, pool.labels, pool=pool.name)


@given(worlds())
def test_when_nobody_waits_nothing_is_asked(state):
    assert decide(replace(state, waiting=()), NOW).scaling.nodes == {"local": ()}
