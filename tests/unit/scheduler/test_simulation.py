"""Hand-made workloads whose outcome can be worked out on paper, and what holds for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model.job import Resources
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.simulation.loop import Simulation
from launcher.scheduler.simulation.outcome import Window, demand, fates, outcome, used, window_of
from launcher.scheduler.simulation.policies import POLICIES
from launcher.scheduler.simulation.workload import Submission, at_load
from launcher.scheduler.state import NodeView

HOUR = 3600.0
DAY = 24 * HOUR


def nodes(*gpus, cpus=64):
    made = [{"GPU": count, "CPU": cpus, "memory": 0} for count in gpus]
    return [NodeView("trace", f"n{i}", f"n{i}", has, has) for i, has in enumerate(made)]


def job(name, gpus, at, runs, *, limit=None, **more):
    kind = "BE" if more.get("preemptible") else "LS"
    gang = Resources(workers=1, cpus_per_worker=1, gpus_per_worker=gpus)
    return Submission(name, kind, at, runs, gang, lasts_s=limit, **more)


def simulate(policy, cluster, *jobs, **options):
    return Simulation(Scheduler(POLICIES[policy]), cluster, jobs, **options).run()


def spans(history):
    """Begin and end of each job's stretches."""
    found = defaultdict(list)
    for stretch in history.stretches:
        found[stretch.job.job_id].append((stretch.begun_at, stretch.ended_at))
    return dict(found)


BLOCKED = [
    job("first", 3, 0.0, 100.0, limit=100.0),
    job("large", 4, 10.0, 50.0, limit=50.0),
    job("small", 1, 20.0, 30.0, limit=60.0),
]


def test_fifo_lets_nobody_pass():
    history = simulate("fifo", nodes(4), *BLOCKED)
    assert spans(history) == {"first": [(0, 100)], "large": [(100, 150)], "small": [(150, 180)]}


@pytest.mark.parametrize("policy", ["fifo+backfill", "launcher"])
def test_with_backfill_a_job_passes_that_ends_before_the_blocked_one_can_start(policy):
    history = simulate(policy, nodes(4), *BLOCKED)
    assert spans(history) == {"first": [(0, 100)], "small": [(20, 50)], "large": [(100, 150)]}


@pytest.mark.parametrize("limit", [None, 81.0])
@pytest.mark.parametrize("policy", ["fifo+backfill", "launcher"])
def test_nobody_passes_who_may_last_longer_or_says_nothing_of_it(policy, limit):
    jobs = [*BLOCKED[:2], replace(BLOCKED[2], lasts_s=limit)]
    history = simulate(policy, nodes(4), *jobs)
    assert spans(history)["large"] == [(100, 150)]
    assert spans(history)["small"] == [(150, 180)]


PUT_OFF = [
    job("batch", 4, 0.0, 10_000.0, limit=10_000.0, preemptible=True, priority=40),
    job("urgent", 4, 4_000.0, 100.0, limit=100.0),
]


def test_the_urgent_preempts_and_the_preempted_goes_on_from_its_checkpoint():
    history = simulate("launcher", nodes(4), *PUT_OFF, saves_every_s=1_800.0, stops_in_s=60.0)
    assert spans(history) == {
        "batch": [(0, 4_060), (4_160, 4_160 + 10_000 - 3_600)],
        "urgent": [(4_060, 4_160)],
    }
    came = outcome(history, nodes(4), Window(0.0, 4_060.0))
    assert came.preemptions == 1
    assert came.lost_gpu_h == pytest.approx(4 * 460 / HOUR)
    assert came.used == pytest.approx(3_600 / 4_060)
    batch, urgent = fates(history, Window(0.0, DAY))
    assert (batch.wait_s, batch.took_s) == (100, 10_560)
    assert (urgent.wait_s, urgent.slowdown) == (60, 1.6)


@pytest.mark.parametrize("policy", ["fifo", "fifo+backfill", "launcher-preemption"])
def test_without_preemption_the_urgent_waits(policy):
    history = simulate(policy, nodes(4), *PUT_OFF)
    assert spans(history) == {"batch": [(0, 10_000)], "urgent": [(10_000, 10_100)]}


def test_a_job_without_a_checkpoint_yet_is_not_preempted():
    history = simulate("launcher", nodes(4), PUT_OFF[0], replace(PUT_OFF[1], submitted_at=1_000.0))
    assert spans(history)["urgent"] == [(1_800 + 60, 1_800 + 160)]


def test_a_job_that_ends_while_it_stops_is_done():
    batch, urgent = PUT_OFF
    jobs = [replace(batch, runs_s=4_030.0), urgent]
    history = simulate("launcher", nodes(4), *jobs, saves_every_s=1_800.0, stops_in_s=60.0)
    assert spans(history) == {"batch": [(0, 4_030)], "urgent": [(4_030, 4_130)]}
    assert outcome(history, nodes(4), Window(0, 1)).lost_gpu_h == 0


def test_without_priorities_the_first_of_two_goes_first():
    jobs = [
        job("now", 4, 0.0, 100.0),
        job("early", 4, 10.0, 100.0, priority=10),
        job("late", 4, 20.0, 100.0, priority=90),
    ]
    assert spans(simulate("fifo", nodes(4), *jobs))["early"] == [(100, 200)]
    assert spans(simulate("launcher", nodes(4), *jobs))["late"] == [(100, 200)]


def test_under_launcher_who_used_much_goes_after_who_used_nothing():
    jobs = [
        job("long", 4, 0.0, 5 * DAY, user="heavy"),
        job("more", 4, 10.0, HOUR, user="heavy"),
        job("other", 4, 20.0, HOUR, user="light"),
    ]
    assert spans(simulate("launcher", nodes(4), *jobs))["other"] == [(5 * DAY, 5 * DAY + HOUR)]
    assert spans(simulate("fifo", nodes(4), *jobs))["more"] == [(5 * DAY, 5 * DAY + HOUR)]


def test_a_job_that_no_node_can_hold_never_runs_and_delays_nobody():
    history = simulate("fifo", nodes(4), job("huge", 8, 0.0, 10.0), job("small", 1, 0.0, 10.0))
    assert history.never_ran == ("huge",)
    assert spans(history) == {"small": [(0, 10)]}
    came = outcome(history, nodes(4), Window(0.0, 10.0))
    assert came.never_ran == 1
    assert came.waits.longest_s == float("inf")


def test_twice_the_load_is_the_same_work_in_half_the_time():
    twice = at_load(BLOCKED, 2.0)
    assert [one.submitted_at for one in twice] == [0, 5, 10]
    assert [one.runs_s for one in twice] == [100, 50, 30]


def test_demand_is_what_would_be_used_if_nobody_waited():
    asked = 3 * 20 + 4 * 10  # in the 20 s until the last submission
    assert demand(BLOCKED, nodes(4), window_of(BLOCKED, 0.0)) == asked / (4 * 20)


def test_the_first_jobs_warm_up_and_are_not_measured():
    jobs = [job(f"j{number:02}", 1, float(number), 1.0) for number in range(20)]
    window = window_of(jobs, 0.1)
    assert window == Window(2.0, 19.0)
    assert len(fates(simulate("fifo", nodes(4), *jobs), window)) == 18


# --- whatever is submitted ------------------------------------------------------------------------


@st.composite
def submissions(draw):
    count = draw(st.integers(1, 12))
    return [
        Submission(
            job_id=f"job-{number:02}",
            kind="BE" if (preemptible := draw(st.booleans())) else "LS",
            submitted_at=float(draw(st.integers(0, 300))),
            runs_s=float(draw(st.integers(1, 400))),
            resources=Resources(
                workers=draw(st.sampled_from([1, 1, 2])),
                cpus_per_worker=draw(st.sampled_from([1, 4, 8])),
                gpus_per_worker=draw(st.integers(0, 4)),
            ),
            priority=draw(st.sampled_from([20, 50, 90])),
            preemptible=preemptible,
            user=draw(st.sampled_from(["ada", "bob"])),
            lasts_s=draw(st.sampled_from([None, 100.0, 400.0])),
        )
        for number in range(count)
    ]


small_clusters = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(st.sampled_from(sorted(POLICIES)), small_clusters, submissions())
def test_every_job_runs_for_its_whole_time_and_no_node_is_overcommitted(policy, gpus, jobs):
    cluster = nodes(*gpus, cpus=8)
    history = simulate(policy, cluster, *jobs, saves_every_s=50.0, stops_in_s=5.0)
    kept = Counter()
    for stretch in history.stretches:
        assert stretch.begun_at >= stretch.job.submitted_at
        assert 0 <= stretch.kept_s <= stretch.held_s
        kept[stretch.job.job_id] += stretch.kept_s
    ran = {one.job_id: one.runs_s for one in jobs if one.job_id not in history.never_ran}
    assert dict(kept) == pytest.approx(ran)
    for moment in {stretch.begun_at for stretch in history.stretches}:
        for node in cluster:
            for name, amount in held_at(history, moment, node.node_id).items():
                assert amount <= node.total[name]


def held_at(history, moment, node_id):
    held = Counter()
    for stretch in history.stretches:
        if stretch.begun_at <= moment < stretch.ended_at:
            workers = dict(stretch.workers_by_node).get(node_id, 0)
            for name, each in stretch.job.resources.per_worker().items():
                held[name] += workers * each
    return held


@given(st.sampled_from(sorted(POLICIES)), small_clusters, submissions())
def test_what_was_used_is_the_work_of_all_jobs(policy, gpus, jobs):
    cluster = nodes(*gpus, cpus=8)
    history = simulate(policy, cluster, *jobs, saves_every_s=50.0, stops_in_s=5.0)
    window = Window(0.0, max((one.ended_at for one in history.stretches), default=1.0))
    work = sum(one.gpus * one.runs_s for one in jobs if one.job_id not in history.never_ran)
    part = used(history.stretches, cluster, window)
    assert part * sum(gpus) * window.lasts_s == pytest.approx(work)
    assert part <= 1 + 1e-9


@given(st.sampled_from(sorted(POLICIES)), small_clusters, submissions())
def test_only_what_no_node_can_hold_never_runs(policy, gpus, jobs):
    history = simulate(policy, nodes(*gpus, cpus=8), *jobs)
    for name in history.never_ran:
        (one,) = (one for one in jobs if one.job_id == name)
        each = one.resources.per_worker()
        room = [min(count // (each.get("GPU") or 1), 8 // each["CPU"]) for count in gpus]
        if not each.get("GPU"):
            room = [8 // each["CPU"]] * len(gpus)
        assert max(room) < one.resources.workers
        assert sum(has > 0 for has in room) < one.resources.workers
