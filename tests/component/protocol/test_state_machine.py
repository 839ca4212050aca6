"""Random schedules of everything that can go wrong, over the simulated world.

The short form is for every run of the tests. The long one, 10,000 schedules, is marked slow:
`pytest -m slow tests/component/protocol`. A schedule that fails is printed as calls of the world's
methods; shrunk, it becomes a test in test_schedules.py.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sim_net import FAULTS
from sim_node import Program
from sim_world import World

from launcher.executor.core import HandOver, Launch, Stop
from launcher.model import lifecycle

which = st.integers(0, 5)
programs = st.builds(
    Program,
    runs_s=st.sampled_from([1.0, 10.0, 60.0, 1e9]),
    code=st.sampled_from([0, 0, 0, 1, -9]),
    ignores_term=st.booleans(),
)


class Schedules(RuleBasedStateMachine):
    world: World | None = None

    @initialize(
        nodes=st.integers(1, 3),
        seed=st.integers(0, 1000),
        program=programs,
        sets_up=st.booleans(),
    )
    def begin(self, nodes, seed, program, sets_up):
        self.world = World(nodes, seed)
        self.world.submit(program, nodes=nodes, max_retries=1, sets_up=sets_up)
        self.world.run(8.0)

    def teardown(self):
        if self.world is not None:
            try:
                self.world.finish()
            finally:
                self.world.close()

    def _one_of(self, things, index):
        return things[index % len(things)] if things else None

    # --- people ----------------------------------------------------------------------------------

    @precondition(lambda self: len(self.world.database.jobs) < 2)
    @rule(
        nodes=st.integers(1, 3),
        more=st.integers(0, 1),
        runs=st.lists(programs, min_size=1, max_size=3),
        policy=st.fixed_dictionaries(
            {
                "max_retries": st.integers(0, 2),
                "run_timeout_s": st.sampled_from([None, 30.0]),
                "sets_up": st.booleans(),
            }
        ),
    )
    def submit(self, nodes, more, runs, policy):
        nodes = min(nodes, len(self.world.nodes))
        self.world.submit(*runs, nodes=nodes, workers=nodes + more, **policy)

    @rule(index=which, force=st.booleans())
    def cancel(self, index, force):
        job = self._one_of(list(self.world.database.jobs), index)
        if job and self.world.server.is_open:
            now = self.world.server.control.clock()
            self.world.server.change(
                job, lambda j: lifecycle.cancel(j, now, by="somebody", force=force)
            )

    @rule(index=which)
    def retry(self, index):
        job = self._one_of(list(self.world.database.jobs), index)
        if job and self.world.server.is_open:
            now = self.world.server.control.clock()
            with contextlib.suppress(lifecycle.IllegalTransitionError):
                self.world.server.change(job, lambda j: lifecycle.retry(j, now, by="somebody"))

    # --- time ------------------------------------------------------------------------------------

    @rule()
    def pass_a_moment(self):
        self.world.run(1.0)

    @rule(seconds=st.sampled_from([2.0, 4.0, 8.0]))
    def pass_seconds(self, seconds):
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([12.0, 21.0, 33.0, 45.0]))
    def pass_about_a_lease(self, seconds):
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([60.0, 90.0, 180.0]))
    def pass_minutes(self, seconds):
        self.world.run(seconds)

    # --- the network -----------------------------------------------------------------------------

    @rule(index=which, off=st.sampled_from(["server", "executor", "both", "peers", "all"]))
    def cut_off(self, index, off):
        node, executor = self._one_of(list(self.world.nodes), index), self.world.executors[-1].place
        peers = [name for name in self.world.nodes if name != node]
        places = {
            "server": ["server"],
            "executor": [executor],
            "both": ["server", executor],
            "peers": peers,
            "all": ["server", executor, *peers],
        }
        self.world.net.cuts |= {frozenset((node, place)) for place in places[off]}

    @rule()
    def cut_executor_off_the_server(self):
        self.world.net.cuts.add(frozenset(("server", self.world.executors[-1].place)))

    @precondition(lambda self: self.world.net.cuts)
    @rule()
    def heal(self):
        self.world.net.cuts.clear()

    @precondition(lambda self: self.world.agents())
    @rule(index=which, fault=st.sampled_from(FAULTS), ships=st.booleans())
    def disturb_an_agent(self, index, fault, ships):
        agent = self._one_of(self.world.agents(), index)
        if agent:
            self.world.net.faults[agent.name + " ships" * ships] = fault

    @rule(what=st.sampled_from(["session", "wishes", "report"]), fault=st.sampled_from(FAULTS))
    def disturb_the_executor(self, what, fault):
        self.world.net.faults[f"{self.world.executors[-1].place} {what}"] = fault

    @precondition(lambda self: self.world.net.held)
    @rule(index=which)
    def deliver_late(self, index):
        self.world.net.held.pop(index % len(self.world.net.held))()
        self.world.check()

    @precondition(lambda self: self.world.net.channels)
    @rule(index=which)
    def reset_connections(self, index):
        node = self._one_of(list(self.world.nodes), index)
        for channel in self.world.net.channels:
            if channel.touches(node):
                channel.break_()

    # --- processes -------------------------------------------------------------------------------

    @precondition(lambda self: self.world.agents())
    @rule(index=which, burial_s=st.sampled_from([0.0, 0.0, 5.0]))
    def kill_agent(self, index, burial_s):
        agent = self._one_of(self.world.agents(), index)
        if agent:
            agent.kill(burial_s)

    @precondition(lambda self: self.world.agents())
    @rule(index=which, before=st.sampled_from([None, None, Launch, Stop, HandOver]))
    def stop_agent(self, index, before):
        agent = self._one_of(self.world.agents(), index)
        if agent:
            agent.is_stopped, agent.freezes_at = before is None, before

    @precondition(lambda self: self.world.agents())
    @rule(index=which)
    def tell_an_agent_that_its_machine_goes(self, index):
        """Which then stays, as for an agent that comes later: its gang has left it all the same."""
        agent = self._one_of(self.world.agents(), index)
        if agent:
            agent.mail.append(lambda now: agent.core.leaves("it is drained", now))

    @precondition(lambda self: any(agent.is_stopped for agent in self.world.agents()))
    @rule()
    def continue_agents(self):
        for agent in self.world.agents():
            agent.is_stopped, agent.freezes_at = False, None

    @precondition(lambda self: any(node.keepers for node in self.world.nodes.values()))
    @rule(index=which)
    def kill_keeper(self, index):
        keepers = [k for node in self.world.nodes.values() for k in node.keepers]
        keeper = self._one_of(keepers, index)
        if keeper:
            keeper.die()

    @precondition(lambda self: self.world.live_ranks())
    @rule(index=which, number=st.sampled_from([6, 9, 15]))
    def signal_rank(self, index, number):
        rank = self._one_of(self.world.live_ranks(), index)
        if rank:
            rank.hear(number)

    @rule(index=which)
    def power_off(self, index):
        self.world.power_off(self._one_of(list(self.world.nodes), index))

    @precondition(lambda self: self.world.net.off)
    @rule()
    def power_on(self):
        self.world.net.off.clear()

    @precondition(lambda self: self.world.server.is_open)
    @rule()
    def kill_server(self):
        self.world.kill_server()

    @precondition(lambda self: not self.world.server.is_open)
    @rule()
    def start_server(self):
        self.world.start_server()

    @precondition(lambda self: self.world.executors[-1].is_open)
    @rule()
    def kill_executor(self):
        self.world.kill_executors()

    @precondition(lambda self: not self.world.executors[-1].is_open)
    @rule(knows=st.booleans())
    def start_executor(self, knows):
        self.world.start_executor(knows=knows)

    @rule()
    def stop_executor_and_start_another(self):
        self.world.executors[-1].is_stopped = True
        self.world.start_executor(knows=False)

    @precondition(lambda self: any(executor.is_stopped for executor in self.world.executors))
    @rule()
    def continue_executors(self):
        for executor in self.world.executors:
            executor.is_stopped = False

    @rule(full=st.booleans())
    def fill_the_cluster(self, full):
        self.world.ray.is_full = full


_quiet = settings(
    deadline=None,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    report_multiple_bugs=False,
)


def test_no_schedule_of_faults_breaks_a_promise():
    run_state_machine_as_test(Schedules, settings=settings(_quiet, max_examples=12))


@pytest.mark.slow
def test_ten_thousand_schedules_of_faults_break_no_promise():
    """Buys what the short form has not the time for: several faults within one lease."""
    run_state_machine_as_test(Schedules, settings=settings(_quiet, max_examples=10_000))
