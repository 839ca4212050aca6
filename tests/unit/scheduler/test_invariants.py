"""What the scheduler promises, on whatever clusters, queues and gangs there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from worlds import NOW, UNITS, as_running, jobs, node_views, projects, worlds

from launcher.scheduler.decide import decide, scheduler_of
from launcher.scheduler.place import has_place
from launcher.scheduler.reserve import reserve
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.state import ClusterView, State


def carried_out(state, decisions):
    """The state once the placed jobs run."""
    waiting = {job.job_id: job for job in state.waiting}
    started = tuple(
        as_running(waiting.pop(one.job_id), one.cluster, one.workers_by_node, NOW)
        for one in decisions.placements
    )
    return replace(state, waiting=tuple(waiting.values()), running=state.running + started)


def held(running):
    """Fixed-point units by cluster, node and resource."""
    used = defaultdict(Counter)
    for job in running:
        for node_id, workers in job.workers_by_node:
            for name, each in job.resources.per_worker().items():
                used[job.cluster, node_id][name] += workers * round(each * UNITS)
    return used


@given(worlds())
def test_no_node_is_overcommitted_and_every_gang_is_whole(state):
    decisions = decide(state, NOW)
    used = held(carried_out(state, decisions).running)
    for view in state.clusters:
        for node in view.nodes:
            for name, units in used[view.name, node.node_id].items():
                assert units <= round(node.total.get(name, 0) * UNITS)
    wanted = {job.job_id: job for job in state.waiting}
    for one in decisions.placements:
        gang, size = wanted[one.job_id].resources, sum(dict(one.workers_by_node).values())
        assert gang.smallest.workers <= size <= gang.workers
        assert wanted[one.job_id].cluster in {"any", one.cluster}
        assert wanted[one.job_id].not_before <= NOW


@given(worlds())
def test_no_quota_is_exceeded_but_by_jobs_that_are_preemptible(state):
    before, after = (scheduler_of(one) for one in (state, carried_out(state, decide(state, NOW))))
    for project in state.projects:
        had, has = before.quotas.firm(project.name), after.quotas.firm(project.name)
        for kind in ("gpus", "cpus", "running"):
            limit = getattr(project, kind)
            if limit is not None and has[kind] > had[kind]:
                assert has[kind] <= limit + 1e-9


@given(worlds())
def test_whoever_passes_the_first_blocked_job_does_not_delay_it(state):
    scheduler = scheduler_of(state)
    decisions = scheduler.decide(NOW)
    in_order = [job.job_id for job in scheduler.in_turn(NOW)]
    before = scheduler_of(replace(state, waiting=()))
    after = scheduler_of(replace(carried_out(state, decisions), waiting=()))
    for cluster, reservation in scheduler.last.reservations.items():
        if reservation.at is None or decisions.preemptions:
            continue
        ahead = set(in_order[: in_order.index(reservation.job.job_id)])
        for one in decisions.placements:  # those in front of it come first in any case
            if one.job_id in ahead:
                job = next(job for job in state.waiting if job.job_id == one.job_id)
                running = as_running(job, one.cluster, one.workers_by_node, NOW)
                before.hold(one.job_id, running)
        alone = reserve(reservation.job, before.floors[cluster], NOW)
        beside = reserve(reservation.job, after.floors[cluster], NOW)
        assert beside.at is not None
        assert beside.at <= alone.at


@given(worlds())
def test_a_blocked_job_is_passed_only_where_it_has_no_place(state):
    scheduler = scheduler_of(state)
    decisions = scheduler.decide(NOW)
    now = scheduler_of(carried_out(state, decisions))
    for job in {one.job.job_id: one.job for one in scheduler.last.reservations.values()}.values():
        for floor in now.floors.values():
            if floor.view.is_live and job.cluster in {"any", floor.name}:
                assert not has_place(job.resources, floor.free)


@given(worlds())
def test_the_first_of_the_queue_is_placed_if_anything_of_its_kind_is(state):
    """Priority is never inverted among jobs that are alike."""
    decisions = decide(state, NOW)
    placed = {one.job_id for one in decisions.placements}
    alike = defaultdict(list)
    for job in scheduler_of(state).in_turn(NOW):
        key = job.project, job.user, job.cluster, job.lasts_s, job.preemptible
        alike[key, job.resources.footprint].append(job.job_id in placed)
    for places in alike.values():
        assert places == sorted(places, reverse=True)


@given(worlds(), st.randoms(use_true_random=False))
def test_decisions_do_not_depend_on_the_order_of_what_is_told(state, order):
    def mixed(things):
        return tuple(order.sample(list(things), len(things)))

    clusters = tuple(replace(view, nodes=mixed(view.nodes)) for view in mixed(state.clusters))
    shuffled = State(
        clusters,
        mixed(state.waiting),
        mixed(state.running),
        mixed(state.projects),
        mixed(state.usage),
    )
    assert decide(shuffled, NOW) == decide(state, NOW)


@given(worlds())
def test_deciding_changes_nothing(state):
    scheduler = scheduler_of(state)
    assert scheduler.decide(NOW) == scheduler.decide(NOW)
    assert scheduler.decide(NOW) == decide(state, NOW)


# --- preemption ----------------------------------------------------------------------------------


@given(worlds(waiting=3, running=8))
def test_preempting_frees_enough_and_only_what_is_needed(state):
    decisions = decide(state, NOW)
    wanted = {job.job_id: job for job in state.waiting}
    by_job = defaultdict(list)
    for one in decisions.preemptions:
        by_job[one.by].append(next(r for r in state.running if r.job_id == one.job_id))
    for job_id, victims in by_job.items():
        job = wanted[job_id]
        (cluster,) = {one.cluster for one in victims}
        assert all(one.preemptible and one.saved_at is not None for one in victims)
        assert all(one.priority <= job.priority for one in victims)
        base = carried_out(state, decisions)
        soon = [
            one
            for one in base.running
            if one not in victims and not (one.cluster == cluster and leaves_soon(one))
        ]

        def fits(running, job=job, cluster=cluster, base=base):
            floor = scheduler_of(replace(base, waiting=(), running=tuple(running))).floors[cluster]
            return has_place(job.resources, floor.free)

        assert fits(soon)
        for one in victims:
            assert not fits([*soon, one])


def leaves_soon(one):
    return one.is_ending or (
        one.lasts_s is not None and NOW < one.since + one.lasts_s <= NOW + 60.0
    )


@given(worlds(waiting=3, running=8))
def test_who_was_preempted_does_not_take_its_place_right_back(state):
    decisions = decide(state, NOW)
    put_off = {one.job_id: one.by for one in decisions.preemptions}
    if not put_off:
        return
    state = carried_out(state, decisions)
    queued = tuple(waiting_again(one) for one in state.running if one.job_id in put_off)
    running = tuple(
        one for one in state.running if one.job_id not in put_off and not leaves_soon(one)
    )
    again = decide(replace(state, waiting=state.waiting + queued, running=running), NOW)
    placed = {one.job_id for one in again.placements}
    assert set(put_off.values()) <= placed
    assert not again.preemptions or not ({p.job_id for p in again.preemptions} & placed)


def waiting_again(one):
    from launcher.scheduler.state import Waiting

    return Waiting(
        one.job_id, one.name, one.priority, one.submitted_at, NOW, 0.0, "any",
        one.wish or one.resources,
        one.project, one.user, one.lasts_s, one.preemptible,
    )  # fmt: skip


# --- over time -----------------------------------------------------------------------------------


@given(st.data(), node_views(), projects())
def test_every_job_that_fits_an_empty_cluster_runs_in_the_end(data, nodes, known):
    view = ClusterView("lab", nodes)
    queue = [data.draw(jobs(number)) for number in range(data.draw(st.integers(1, 6)))]
    scheduler = Scheduler()
    scheduler.report(view)
    scheduler.set_projects(replace(one, gpus=None, cpus=None, running=1) for one in known)
    floor = scheduler.floors["lab"]
    hopeful = {
        job.job_id
        for job in queue
        if job.cluster in {"any", "lab"} and has_place(job.resources, floor.whole)
    }
    waiting, ends, ran, now = {job.job_id: job for job in queue}, {}, set(), NOW
    for job in queue:
        scheduler.put(replace(job, preemptible=False))
    for _ in range(4 * len(queue) + 4):
        decisions = scheduler.decide(now)
        for one in decisions.placements:
            job = waiting.pop(one.job_id)
            scheduler.drop(job.job_id)
            running = as_running(job, "lab", one.workers_by_node, now, preemptible=False)
            scheduler.hold(job.job_id, running)
            ends[job.job_id] = now + data.draw(st.sampled_from([10.0, 500.0, 5000.0]))
            ran.add(job.job_id)
        if not ends:
            now += 100.0
            continue
        first = min(ends, key=lambda job_id: (ends[job_id], job_id))
        now = max(now, ends.pop(first))
        scheduler.release(first)
    assert ran == hopeful


class Kept(RuleBasedStateMachine):
    """A scheduler that is told changes decides as one that is told everything anew."""

    def __init__(self):
        super().__init__()
        self.kept, self.now, self.number = Scheduler(), NOW, 0
        self.views, self.waiting, self.running, self.known = {}, {}, {}, ()

    @rule(data=st.data(), name=st.sampled_from(["lab", "prod"]), is_live=st.booleans())
    def report(self, data, name, is_live):
        nodes = data.draw(node_views(cluster=name, count=st.integers(0, 3)))
        self.views[name] = ClusterView(name, nodes, is_live=is_live or name == "lab")
        self.kept.report(self.views[name])

    @rule(data=st.data())
    def submit(self, data):
        self.number += 1
        job = data.draw(jobs(self.number))
        self.waiting[job.job_id] = job
        self.kept.put(job)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), priority=st.integers(40, 60))
    def change(self, data, priority):
        job = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        self.waiting[job.job_id] = replace(job, priority=priority)
        self.kept.put(self.waiting[job.job_id])

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data):
        job_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[job_id]
        self.kept.drop(job_id)

    @rule(known=projects())
    def set_quotas(self, known):
        self.known = known
        self.kept.set_projects(known)

    @rule(seconds=st.sampled_from([1.0, 60.0, 50_000.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule()
    def start(self):
        for one in self.kept.decide(self.now).placements:
            job = self.waiting.pop(one.job_id)
            self.kept.drop(job.job_id)
            running = as_running(job, one.cluster, one.workers_by_node, self.now)
            self.running[job.job_id] = running
            self.kept.hold(f"{job.job_id}.0", running)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def save(self, data):
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        self.running[job_id] = replace(self.running[job_id], saved_at=self.now, is_counted=True)
        self.kept.hold(f"{job_id}.0", self.running[job_id])

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data):
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[job_id]
        self.kept.release(f"{job_id}.0")

    @invariant()
    def decides_as_one_made_anew(self):
        state = State(
            tuple(self.views.values()),
            tuple(self.waiting.values()),
            tuple(self.running.values()),
            self.known,
        )
        fresh = scheduler_of(state)
        assert self.kept.decide(self.now) == fresh.decide(self.now)
        for job_id in self.waiting:
            assert self.kept.position(job_id, self.now) == fresh.position(job_id, self.now)
            assert self.kept.why(job_id, self.now) == fresh.why(job_id, self.now)
        assert self.kept.starts(10) == fresh.starts(10)


TestKept = Kept.TestCase
