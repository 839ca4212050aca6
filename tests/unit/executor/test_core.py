"""The agent's mind: leases and links, attempts that are burnt, and leaving in every phase."""

import pytest

from launcher.executor.core import (
    DEAF_LEADER_S,
    LEAVING_S,
    Abandon,
    AgentCore,
    Close,
    HandOver,
    Launch,
    Prepare,
    Stop,
)
from launcher.executor.gang import CRASH_KILL_S, NodeState, Order
from launcher.model.ending import Ending
from launcher.model.gang import Gang, GangNode
from launcher.model.job import RankExit
from launcher.model.wire import LEASE_S, ORPHAN_TIMEOUT_S, CheckpointRef, Orders

GRACE_S = 60.0
NODES = (GangNode(0, "10.0.0.0", 1), GangNode(1, "10.0.0.1", 1))
GANG = Gang("digits-abcdef", 1, NODES, 29500)


class Mind:
    """One agent's core and all that it wanted done, at a time that only the tests move."""

    def __init__(self, index=0, nodes=1):
        self.core = AgentCore(
            "digits-abcdef.1", index, [1] * nodes, NODES[index], 0.0, grace_s=GRACE_S
        )
        self.now = 0.0
        self.done = []
        self.sees = 0

    def _take(self):
        self.done += self.core.actions()
        return self

    def hear(self, grant=1, **more):
        self.core.obey(Orders("", grant=grant, **more), self.now, self.now)
        return self._take()

    def at(self, now):
        self.now = now
        self.core.tick(now)
        return self._take()

    def say(self, what, *arguments):
        getattr(self.core, what)(*arguments, self.now)
        return self._take()

    def link(self, link=1, session=1, asked_at=None):
        return self.say("executor_says", link, session, self.now if asked_at is None else asked_at)

    def running(self):
        """The leader of a gang of one, or a follower that was told to run."""
        self.hear().say("prepared", 1)
        if self.core.leader is None:
            self.say("leader_orders", Order(1, "run", GANG))
        assert Launch(1, self.core.order.gang) in self.done
        return self

    def exits(self, code=0, **more):
        return self.say("exited", 1, [RankExit(self.core.index, code, **more)])

    def did(self, kind):
        return [action for action in self.done if isinstance(action, kind)]

    @property
    def phase(self):
        return self.core.state.phase


# --- one attempt ---------------------------------------------------------------------------------


def test_a_grant_is_prepared_launched_drained_and_quiet():
    mind = Mind().hear(resume=CheckpointRef(7, 300))
    assert mind.done == [Prepare(1, CheckpointRef(7, 300))]
    mind.say("prepared", 1)
    assert isinstance(mind.done[-1], Launch)
    mind.exits()
    assert mind.done[-1] == HandOver(1)
    assert mind.core.quiet == 0
    mind.say("handed_over", 1)
    status = mind.core.status("10.0.0.0:7", "")
    assert (status.quiet, status.started, status.verdict.ending) == (1, 1, Ending.FINISHED)


def test_a_grant_that_is_repeated_begins_nothing_anew():
    mind = Mind().running().hear().hear()
    assert len(mind.did(Prepare)) == len(mind.did(Launch)) == 1


def test_an_older_grant_changes_nothing():
    mind = Mind().running().exits().say("handed_over", 1).hear(2).hear(1)
    assert mind.core.grant == 2


def test_the_next_attempt_begins_once_the_last_one_is_quiet():
    mind = Mind().running().exits()
    assert mind.hear(2).core.grant == 1
    mind.say("handed_over", 1).hear(2)
    assert mind.done[-1] == Prepare(2, None)
    assert mind.core.status("", "").verdict is None


def test_words_about_another_attempt_change_nothing():
    mind = Mind().hear()
    for late in (("prepared", 2), ("failed", 2, "x"), ("exited", 2, []), ("handed_over", 1)):
        mind.say(*late)
    assert mind.phase == "preparing"


def test_what_could_not_be_prepared_is_told_and_over():
    mind = Mind().hear().say("failed", 1, "disk full").say("handed_over", 1)
    assert mind.core.status("", "").verdict.words == "node 0: disk full"
    assert (mind.core.quiet, mind.did(Launch)) == (1, [])


def test_ranks_that_could_not_be_started_are_told_and_over():
    mind = Mind().running().say("not_started", 1, "disk full").say("handed_over", 1)
    assert mind.core.status("", "").verdict.words == "node 0: disk full"
    assert (mind.core.quiet, mind.core.burnt) == (1, 1)


def test_some_exits_are_not_the_end_of_a_node():
    core = AgentCore("digits.1", 0, [2], GangNode(0, "10.0.0.0", 2), 0.0)
    core.obey(Orders("", grant=1), 0.0, 0.0)
    core.prepared(1, 0.0)
    core.exited(1, [RankExit(0, 0)], 1.0)
    assert core.state.phase == "running"
    core.exited(1, [RankExit(0, 0), RankExit(1, 0)], 2.0)
    assert core.state.phase == "exited"


def test_ranks_that_listen_get_ports_of_their_own_afresh_in_every_attempt():
    ports = iter(range(20000, 20010))
    core = AgentCore(
        "digits.1", 0, [2], GangNode(0, "10.0.0.0", 2), 0.0,
        reserve_port=lambda: next(ports), ranks_listen=True,
    )  # fmt: skip
    core.obey(Orders("", grant=1), 0.0, 0.0)
    core.prepared(1, 0.0)
    gang = core.order.gang
    assert [rank.address for rank in gang.ranks()] == ["10.0.0.0:20000", "10.0.0.0:20001"]
    assert gang.master_port == 20000
    core.exited(1, [RankExit(0, 1), RankExit(1, 1)], 1.0)
    core.handed_over(1, 2.0)
    core.obey(Orders("", grant=2), 2.0, 2.0)
    core.prepared(2, 2.0)
    assert core.order.gang.nodes[0].ports == (20002, 20003)


# --- attempts that never start -------------------------------------------------------------------


@pytest.mark.parametrize("ready", [False, True])
def test_an_attempt_stopped_before_its_start_never_starts(ready):
    mind = Mind(1, 2).hear()
    if ready:
        mind.say("prepared", 1)
    mind.hear(stop=True).say("prepared", 1)
    mind.say("leader_orders", Order(1, "run", GANG)).hear(1)
    assert mind.did(Launch) == []
    assert mind.core.burnt == 1


def test_an_attempt_granted_and_stopped_at_once_never_starts():
    mind = Mind(1, 2).hear(stop=True).say("prepared", 1)
    mind.say("leader_orders", Order(1, "run", GANG))
    assert mind.did(Launch) == []


def test_an_attempt_never_starts_after_its_leader_died():
    mind = Mind(1, 2).hear().say("prepared", 1).say("peer_lost", 0, "refused")
    mind.say("leader_orders", Order(1, "run", GANG))
    assert mind.did(Launch) == []
    assert mind.did(HandOver)


def test_a_burnt_attempt_is_not_begun_when_it_is_granted_again():
    mind = Mind(1, 2).hear(stop=True)
    mind.say("leader_orders", Order(1, "over")).say("handed_over", 1).hear(1)
    assert (len(mind.did(Prepare)), mind.core.quiet) == (1, 1)


def test_an_order_of_an_earlier_attempt_is_not_obeyed():
    mind = Mind(1, 2).running()
    mind.say("leader_orders", Order(2, "wait")).say("leader_orders", Order(1, "stop", stage="kill"))
    assert mind.did(Stop) == []


# --- stopping ------------------------------------------------------------------------------------


def test_a_follower_obeys_each_harder_stage_once():
    mind = Mind(1, 2).running()
    for stage in ("signal", "signal", "kill", "signal"):
        mind.say("leader_orders", Order(1, "stop", GANG, stage))
    assert [stop.stage for stop in mind.did(Stop)] == ["signal", "kill"]


def test_a_commit_answers_the_order_to_save_only_with_what_was_copied_after_it():
    mind = Mind(1, 2).running()
    assert mind.say("committed", 1, 0.0).core.state.late_commits == 0
    mind.at(10.0).say("leader_orders", Order(1, "stop", GANG, "save"))
    mind.at(11.0).say("leader_orders", Order(1, "stop", GANG, "save"))
    assert mind.say("committed", 1, 9.9).core.state.late_commits == 0
    assert mind.say("committed", 1, 10.0).core.state.late_commits == 1
    assert mind.core.state.commits == 3


def test_an_order_to_save_is_not_one_of_the_next_attempt():
    mind = Mind(1, 2).running()
    mind.say("leader_orders", Order(1, "stop", GANG, "save")).exits()
    mind.say("leader_orders", Order(1, "over", GANG)).say("handed_over", 1).hear(grant=2)
    mind.say("prepared", 2).say("leader_orders", Order(2, "run", GANG)).say("committed", 2, 5.0)
    assert (mind.core.state.commits, mind.core.state.late_commits) == (1, 0)


def test_a_forced_stop_does_not_wait_for_the_leader():
    mind = Mind(1, 2).running().hear(stop=True, force=True)
    assert mind.done[-1] == Stop(1, "kill")


def test_a_follower_waits_long_for_a_leader_that_is_deaf():
    mind = Mind(1, 2).running().hear(stop=True)
    mind.link()
    for now in range(1, int(GRACE_S + DEAF_LEADER_S)):
        mind.now = float(now)
        mind.link().at(now)
    assert mind.did(Stop) == []
    mind.at(GRACE_S + DEAF_LEADER_S + 0.1)
    assert mind.did(Stop) == [Stop(1, "kill")]


def test_a_follower_whose_leader_died_ends_its_ranks_itself():
    mind = Mind(1, 2).running().say("peer_lost", 0, "refused")
    assert mind.did(Stop) == [Stop(1, "term")]
    mind.at(CRASH_KILL_S)
    assert mind.did(Stop)[-1] == Stop(1, "kill")
    mind.exits(-9, stopped=True)
    assert mind.done[-1] == HandOver(1)
    assert mind.core.status("", "").lost_peers == (0,)


def test_a_leader_learns_of_a_lost_follower_from_the_server():
    mind = Mind(0, 2).hear(lost_nodes=(0, 1))
    assert mind.core.order.do == "stop"
    assert mind.core.status("", "").lost_peers == (1,)


def test_a_follower_is_lost_to_the_next_attempt_too():
    mind = Mind(0, 2).hear().say("peer_lost", 1, "refused")
    mind.say("handed_over", 1).hear(2)
    assert mind.core.order.do != "wait"
    assert mind.did(Launch) == []


def test_a_follower_answers_a_proposed_call():
    mind = Mind(1, 2).running()
    mind.say("leader_orders", Order(1, "stop", GANG, "flag", 12))
    assert mind.done[-1] == Stop(1, "flag", 12)
    mind.say("flag_answer", 9, 12, 0)
    assert (mind.core.state.calls, mind.core.state.armed) == (9, 12)
    mind.say("leader_orders", Order(1, "stop", GANG, "flag", 12, committed=True))
    assert mind.done[-1] == Stop(1, "flag", 12, committed=True)


# --- leases --------------------------------------------------------------------------------------


def test_an_agent_without_executor_outlives_its_lease():
    mind = Mind().running().at(LEASE_S * 10)
    assert mind.phase == "running"


def test_an_agent_with_an_executor_does_not():
    mind = Mind().running().link().at(LEASE_S)
    assert mind.did(Stop) == []
    mind.at(LEASE_S + 0.1)
    assert mind.did(Stop) == [Stop(1, "term")]
    mind.at(LEASE_S + 0.1 + CRASH_KILL_S).at(LEASE_S + 1)
    assert mind.did(Stop)[-1] == Stop(1, "kill")


@pytest.mark.parametrize("by", ["server", "executor"])
def test_either_renews_the_lease_from_when_it_was_asked_for(by):
    mind = Mind().running().link()
    mind.now = 20.0
    if by == "server":
        mind.core.obey(Orders("", grant=1), 10.0, 20.0)
    else:
        mind.link(asked_at=10.0)
    assert mind.core.deadline == 10.0 + LEASE_S


def test_a_late_answer_does_not_shorten_the_lease():
    mind = Mind().running().link()
    mind.now = 20.0
    mind.link().core.obey(Orders("", grant=1), 1.0, 20.0)
    assert mind.core.deadline == 20.0 + LEASE_S


@pytest.mark.parametrize("word", ["orders", "renewal", "end of the link", "run"])
def test_no_word_revives_an_agent_whose_lease_ran_out(word):
    mind = Mind(1, 2).hear().say("prepared", 1).link()
    mind.now = LEASE_S + 1
    match word:
        case "orders":
            mind.hear(2)
        case "renewal":
            mind.link()
        case "end of the link":
            mind.say("executor_gone", 1)
        case "run":
            mind.say("leader_orders", Order(1, "run", GANG))
    assert mind.did(Launch) == []
    mind.at(LEASE_S + 2).say("handed_over", 1)
    assert mind.did(Close)
    assert "lease ran out" in mind.core.closed


def test_an_agent_runs_on_once_its_executor_is_known_to_be_gone():
    mind = Mind().running().link().say("executor_gone", 1).at(LEASE_S * 10)
    assert mind.phase == "running"


def test_the_end_of_one_link_does_not_end_another():
    mind = Mind().running().link(1).link(2).say("executor_gone", 1)
    assert mind.core.executor_linked
    assert not mind.say("executor_gone", 2).core.executor_linked


def test_a_link_that_begins_after_the_lease_ran_out_begins_a_new_one():
    mind = Mind().running().at(LEASE_S * 3).link()
    assert mind.phase == "running"
    assert mind.did(Stop) == []
    assert mind.core.deadline == LEASE_S * 4


def test_an_older_session_renews_nothing_and_is_no_link():
    mind = Mind().running().link(1, session=1).link(2, session=2)
    mind.now = 20.0
    mind.link(1, session=1)
    assert mind.core.deadline == LEASE_S
    assert not mind.say("executor_gone", 2).core.executor_linked


def test_hours_without_the_server_end_the_agent_whoever_else_renews_it():
    mind = Mind().running()
    for now in range(0, int(ORPHAN_TIMEOUT_S) + 40, 20):
        mind.now = float(now)
        mind.link().at(now)
    assert mind.did(Stop)[0] == Stop(1, "term")


# --- leaving -------------------------------------------------------------------------------------


def test_an_idle_agent_leaves_at_once():
    mind = Mind().hear(0, close=True, job_over=True)
    assert mind.done == [Close("the server gave the allocation up", job_over=True)]
    assert mind.core.status("", "").closed


@pytest.mark.parametrize("ready", [False, True])
def test_an_agent_that_has_not_started_its_ranks_leaves_without_them(ready):
    mind = Mind(1, 2).hear()
    if ready:
        mind.say("prepared", 1)
    mind.say("close", "given back").say("handed_over", 1)
    unfinished = [] if ready else [Abandon]
    assert [type(action) for action in mind.done] == [Prepare, *unfinished, HandOver, Close]


def test_an_agent_with_ranks_ends_them_before_it_leaves():
    mind = Mind().running().say("close", "given back")
    assert mind.did(Stop) == [Stop(1, "term")]
    assert mind.did(Close) == []
    mind.exits(-15, stopped=True).say("handed_over", 1)
    assert [type(action) for action in mind.done[-2:]] == [HandOver, Close]


def test_an_agent_that_leaves_begins_nothing_more():
    mind = Mind().hear(0, close=True).hear(2)
    assert mind.did(Prepare) == []


def test_an_agent_that_cannot_ship_leaves_without():
    mind = Mind().running().exits().say("close", "given back")
    assert mind.at(LEAVING_S).did(Close) == []
    assert mind.at(LEAVING_S + 0.1).did(Close)
    assert len(mind.at(LEAVING_S + 1).did(Close)) == 1


def test_the_first_reason_to_leave_is_the_one_told():
    mind = Mind().running().say("close", "first").say("close", "second")
    mind.exits(-15).say("handed_over", 1)
    assert mind.core.closed == "first"


# --- notes ---------------------------------------------------------------------------------------


def test_a_note_is_told_until_the_server_took_it():
    mind = Mind()
    mind.core.note("one")
    mind.core.note("two")
    assert [note.number for note in mind.core.status("", "").notes] == [1, 2]
    mind.hear(0, notes_taken=1)
    assert [note.text for note in mind.core.status("", "").notes] == ["two"]


def test_a_leader_hears_its_followers():
    mind = Mind(0, 2).hear().say("prepared", 1)
    mind.say("peer_says", NodeState(1, 1, "ready", NODES[1]))
    assert mind.did(Launch)[0].gang.world_size == 2


# --- environments --------------------------------------------------------------------------------


def test_the_server_is_told_that_the_environment_of_an_attempt_is_there():
    mind = Mind().hear().say("environment_ready", 1)
    assert mind.core.status("", "").set_up == 1
    assert mind.core.state.phase == "preparing"


def test_of_an_attempt_that_is_not_prepared_here_no_environment_is_there():
    mind = Mind().hear(grant=2).say("environment_ready", 1)
    assert mind.core.status("", "").set_up == 0


@pytest.mark.parametrize("end", [{"stop": True}, {"stop": True, "force": True}, {"close": True}])
def test_what_prepares_an_attempt_is_ended_with_it(end):
    mind = Mind().hear().hear(**end)
    assert mind.done.count(Abandon(1)) == 1
    mind.say("environment_ready", 1).say("prepared", 1)
    assert mind.core.status("", "").set_up == 0
    assert not [deed for deed in mind.done if isinstance(deed, Launch)]


def test_an_attempt_that_is_prepared_has_nothing_to_be_ended():
    mind = Mind(nodes=2).hear().say("prepared", 1).hear(stop=True)
    assert not [deed for deed in mind.done if isinstance(deed, Abandon)]


# --- a node that is about to go -------------------------------------------------------------------


def test_a_node_that_goes_stops_its_gang_without_a_server():
    mind = Mind().running().say("leaves", "gpu-0 (spot)")
    assert [stop.stage for stop in mind.did(Stop)] == ["signal"]
    mind.exits(-15, stopped=True)
    status = mind.core.status("10.0.0.0:1", "")
    assert (status.leaving, status.verdict.ending) == ("gpu-0 (spot)", Ending.NODE_DRAINED)


def test_what_a_node_said_first_stands():
    mind = Mind().say("leaves", "gpu-0 (spot)").say("leaves", "gpu-0 (something else)")
    assert mind.core.state.leaving == "gpu-0 (spot)"


def test_an_attempt_that_is_granted_on_a_node_that_goes_never_starts():
    mind = Mind().say("leaves", "gpu-0 (spot)").hear()
    assert mind.phase == "exited"
    mind.at(0.1).say("prepared", 1)
    assert mind.done[-2:] == [Abandon(1), HandOver(1)]
    assert not mind.did(Launch)


def test_a_follower_tells_its_leader():
    mind = Mind(index=1, nodes=2).running().say("leaves", "gpu-1 (spot)")
    assert mind.core.state.leaving == "gpu-1 (spot)"
    assert not mind.did(Stop)
    mind.say("leader_orders", Order(1, "stop", GANG, "signal"))
    assert mind.did(Stop)
