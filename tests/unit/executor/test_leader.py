"""The leader's mind: a gang starts whole, stops whole, and agrees on the call at which it stops."""

import signal

import pytest

from launcher.executor.gang import (
    ABORT_AT_EXIT_S,
    CRASH_KILL_S,
    FIRST_WORDS_S,
    SIGNAL_KILL_S,
    Leader,
    NodeState,
)
from launcher.model.ending import Ending
from launcher.model.gang import GangNode
from launcher.model.job import RankExit

GRACE_S = 60.0


class Nodes:
    """A leader and what its nodes say, at a time that only the tests move."""

    def __init__(self, *ranks, watches=False):
        self.ports = iter(range(29500, 29600))
        self.leader = Leader(ranks, GRACE_S, lambda: next(self.ports), watches=watches)
        self.now = 0.0
        self.states = {
            i: NodeState(i, 0, "idle", GangNode(i, f"10.0.0.{i}", n)) for i, n in enumerate(ranks)
        }
        self._first = [sum(ranks[:i]) for i in range(len(ranks))]

    def begin(self, attempt=1):
        self.leader.begin("digits", attempt)
        return self.all("preparing", attempt=attempt)

    def all(self, phase, **more):
        for index in self.states:
            self.say(index, phase, **more)
        return self

    def say(self, index, phase, **more):
        self.states[index] = NodeState(**(vars(self.states[index]) | {"phase": phase} | more))
        self.leader.node_says(self.states[index], self.now)
        return self

    def exits(self, index, *codes, **more):
        ranks = self.states[index].node.ranks
        exits = tuple(
            RankExit(self._first[index] + i, code, **more) for i, code in enumerate(codes)
        )
        return self.say(index, "exited" if len(codes) == ranks else "running", exits=exits)

    def after(self, seconds):
        self.now += seconds
        self.leader.tick(self.now)
        return self

    def running(self):
        return self.begin().all("ready").all("running")

    @property
    def wants(self):
        order = self.leader.order
        return f"stop {order.stage}" if order.do == "stop" else order.do


def test_nobody_runs_before_all_are_ready():
    nodes = Nodes(2, 1).begin().say(0, "ready")
    assert nodes.wants == "wait"
    nodes.say(1, "ready")
    assert nodes.wants == "run"
    gang = nodes.leader.order.gang
    assert (gang.world_size, gang.master_addr, gang.master_port) == (3, "10.0.0.0", 29500)


def test_a_node_that_is_ready_for_another_attempt_is_not_ready():
    nodes = Nodes(1, 1).begin()
    nodes.say(0, "ready").say(1, "ready", attempt=2)
    assert nodes.wants == "wait"


def test_what_a_node_said_of_an_earlier_attempt_is_passed_over():
    nodes = Nodes(1, 1).begin(2).all("ready")
    nodes.leader.node_says(NodeState(1, 1, "exited"), 1.0)
    assert nodes.wants == "run"


def test_every_attempt_meets_at_a_port_of_its_own():
    nodes = Nodes(1).running().exits(0, 0)
    assert nodes.wants == "over"
    nodes.say(0, "quiet").begin(2).say(0, "ready", exits=())
    assert nodes.leader.order.gang.master_port == 29501
    assert nodes.leader.verdict is None


def test_a_grant_that_comes_again_begins_nothing_anew():
    nodes = Nodes(1).running()
    nodes.leader.begin("digits", 1)
    assert nodes.wants == "run"


def test_the_gang_has_started_when_its_last_node_runs():
    nodes = Nodes(1, 1).begin().all("ready").say(0, "running")
    assert nodes.leader.started == 0
    nodes.say(1, "running")
    assert nodes.leader.started == 1


def test_a_node_that_gave_up_before_its_start_has_not_started():
    nodes = Nodes(1, 1).begin().all("ready").say(0, "running")
    nodes.say(1, "exited")
    assert nodes.leader.started == 0
    assert nodes.wants == "stop term"


def test_all_exits_with_0_are_the_end():
    nodes = Nodes(2, 1).running().exits(0, 0, 0)
    assert nodes.wants == "run"  # a rank that is done early does not stop the others
    nodes.exits(1, 0)
    assert nodes.wants == "over"
    assert nodes.leader.verdict.ending is Ending.FINISHED


def test_a_failure_stops_the_gang_within_a_second():
    nodes = Nodes(1, 1).running().exits(0, 1)
    assert nodes.wants == "run"
    nodes.after(FIRST_WORDS_S)
    assert nodes.wants == "stop term"
    nodes.after(CRASH_KILL_S + 0.01)
    assert nodes.wants == "stop kill"
    assert FIRST_WORDS_S + CRASH_KILL_S < 1.0


def test_of_those_that_fail_in_the_first_moment_the_earliest_counts():
    nodes = Nodes(1, 1).running().exits(1, 3).after(0.1).exits(0, 1)
    nodes.after(FIRST_WORDS_S)
    verdict = nodes.leader.verdict
    assert (verdict.first_failing, verdict.ending) == (1, Ending.PROGRAM_FAILED)
    assert [rank.after_s for rank in verdict.exits] == [0.1, 0.0]


def test_an_abort_at_the_exit_leaves_the_others_more_time():
    nodes = Nodes(1, 1).running().exits(0, -signal.SIGABRT, finished=True)
    nodes.after(FIRST_WORDS_S)
    assert nodes.wants == "run"
    nodes.after(ABORT_AT_EXIT_S - FIRST_WORDS_S)
    assert nodes.wants == "stop kill"


def test_a_lost_node_stops_the_gang_at_once():
    nodes = Nodes(1, 1).running()
    nodes.leader.node_lost(1, "its machine refuses", nodes.now)
    assert nodes.wants == "stop term"
    nodes.exits(0, -15, stopped=True)
    assert nodes.wants == "over"
    verdict = nodes.leader.verdict
    assert verdict.ending is Ending.WORKER_LOST
    assert "node 1: its machine refuses" in verdict.words


def test_a_node_lost_before_the_start_ends_the_attempt():
    nodes = Nodes(1, 1).begin()
    nodes.leader.node_lost(1, "gone", nodes.now)
    assert nodes.wants == "stop kill"
    nodes.say(0, "exited")
    assert nodes.leader.verdict.ending is Ending.WORKER_LOST


def test_a_node_that_cannot_be_prepared_ends_the_attempt_in_its_words():
    nodes = Nodes(1, 1).begin().say(0, "ready").say(1, "exited", error="disk full")
    nodes.say(0, "exited")
    verdict = nodes.leader.verdict
    assert (verdict.ending, verdict.words) == (Ending.SETUP_FAILED, "node 1: disk full")


# --- stopping on purpose -------------------------------------------------------------------------


def stopping(*ranks, force=False, watches=False, **calls):
    nodes = Nodes(*ranks, watches=watches).running()
    nodes.all("running", **calls)
    nodes.leader.stop(nodes.now, force=force)
    return nodes


def test_a_program_that_does_not_ask_gets_the_signal_then_the_kill():
    nodes = stopping(1)
    assert nodes.wants == "stop signal"
    assert nodes.after(GRACE_S - 0.1).wants == "stop signal"
    assert nodes.after(0.1).wants == "stop kill"


def test_a_stop_without_grace_kills_at_once():
    assert stopping(1, force=True).wants == "stop kill"


def test_a_later_force_hastens_a_stop():
    nodes = stopping(1, calls=3)
    assert nodes.wants == "stop flag"
    nodes.leader.stop(nodes.now, force=True)
    assert nodes.wants == "stop kill"


def test_a_gang_that_waits_is_stopped_without_having_run():
    nodes = Nodes(1, 1).begin()
    nodes.leader.stop(nodes.now, force=False)
    nodes.all("exited")
    assert nodes.wants == "over"
    assert nodes.leader.started == 0


def test_an_attempt_that_is_over_is_not_stopped():
    nodes = Nodes(1).running().exits(0, 0)
    nodes.leader.stop(nodes.now, force=True)
    assert nodes.wants == "over"


def test_all_ranks_stop_at_one_call_that_lies_ahead_of_each():
    nodes = stopping(1, 1, calls=10)
    target = nodes.leader.order.target
    assert target > 10
    nodes.say(0, "running", armed=target)
    assert not nodes.leader.order.committed
    nodes.say(1, "running", armed=target)
    assert nodes.leader.order.committed


def test_a_call_that_a_rank_has_passed_is_given_up_for_a_later_one():
    nodes = stopping(1, 1, calls=10)
    first = nodes.leader.order.target
    nodes.say(0, "running", armed=first)
    nodes.say(1, "running", rejected=first, calls=first + 3)
    second = nodes.leader.order.target
    assert second > first + 3
    assert not nodes.leader.order.committed
    nodes.all("running", armed=second, rejected=first)
    assert nodes.leader.order.committed


def test_each_proposal_lies_further_ahead():
    nodes = stopping(1, calls=1)
    margins = []
    for _ in range(4):
        target = nodes.leader.order.target
        margins.append(target - nodes.states[0].calls)
        nodes.say(0, "running", rejected=target, calls=target)
    assert margins == sorted(set(margins))


def test_a_committed_call_is_not_taken_back():
    nodes = stopping(1, calls=10)
    target = nodes.leader.order.target
    nodes.say(0, "running", armed=target).say(0, "running", rejected=target + 1)
    assert nodes.leader.order.target == target


def test_a_program_that_does_not_heed_the_flag_gets_the_signal_after_its_grace():
    nodes = stopping(1, calls=10).after(GRACE_S)
    assert nodes.wants == "stop signal"
    assert nodes.after(SIGNAL_KILL_S).wants == "stop kill"


def test_a_node_lost_while_the_flag_is_up_ends_the_waiting():
    nodes = stopping(1, 1, calls=10)
    nodes.leader.node_lost(1, "gone", nodes.now)
    assert nodes.wants == "stop signal"


def test_a_program_that_saves_by_itself_is_signalled_after_its_next_commit():
    nodes = stopping(1, 1, watches=True, commits=2)
    assert nodes.after(GRACE_S / 2).wants == "stop save"
    nodes.say(1, "running", commits=3)
    assert nodes.wants == "stop save"  # it was on its way before the stop
    nodes.say(1, "running", commits=4, late_commits=1)
    assert nodes.wants == "stop signal"
    assert nodes.after(GRACE_S / 2 - 1).wants == "stop signal"
    assert nodes.after(1).wants == "stop kill"


def test_a_program_that_saves_no_more_within_its_grace_gets_the_signal():
    nodes = stopping(1, watches=True).after(GRACE_S)
    assert nodes.wants == "stop signal"
    assert nodes.after(SIGNAL_KILL_S).wants == "stop kill"


def test_a_program_that_saves_and_asks_is_told_by_the_flag():
    assert stopping(1, watches=True, calls=1).wants == "stop flag"


def test_a_failure_or_a_loss_ends_the_waiting_for_a_commit():
    assert stopping(2, watches=True).exits(0, 1).wants == "stop signal"
    nodes = stopping(1, 1, watches=True)
    nodes.leader.node_lost(1, "gone", nodes.now)
    assert nodes.wants == "stop signal"


def test_a_gang_that_waits_has_nothing_to_save():
    nodes = Nodes(1, watches=True).begin()
    nodes.leader.stop(nodes.now, force=False)
    assert nodes.wants == "stop signal"


def test_a_program_whose_files_were_committed_has_begun():
    nodes = Nodes(1, watches=True).running().say(0, "running", commits=1).exits(0, 1)
    nodes.after(FIRST_WORDS_S)
    assert nodes.leader.verdict.began


@pytest.mark.parametrize("stage", ["signal", "kill"])
def test_the_end_of_a_stopped_gang_is_a_verdict_without_a_culprit(stage):
    nodes = stopping(1, force=stage == "kill").exits(0, -15, stopped=True)
    assert nodes.wants == "over"
    assert nodes.leader.verdict.first_failing is None


# --- nodes that are about to go -------------------------------------------------------------------

GOES = "gpu-1 (a new disk)"


def test_a_node_that_goes_stops_the_gang_as_the_server_would():
    nodes = Nodes(1, 1).running().say(1, "running", leaving=GOES)
    assert nodes.wants == "stop signal"
    nodes = Nodes(1, 1).running().all("running", calls=7)
    assert nodes.say(1, "running", leaving=GOES).wants == "stop flag"
    assert Nodes(1, watches=True).running().say(0, "running", leaving=GOES).wants == "stop save"


def test_a_gang_that_left_a_node_ends_so_and_not_as_finished():
    nodes = Nodes(1, 1).running().say(1, "running", leaving=GOES)
    nodes.exits(0, 0, reported=True).exits(1, 0, reported=True)
    verdict = nodes.leader.verdict
    assert (verdict.ending, verdict.words) == (
        Ending.NODE_DRAINED,
        f"a node was drained: {GOES}",
    )
    assert verdict.began


def test_one_whose_work_was_done_is_finished_all_the_same():
    nodes = Nodes(1).running().say(0, "running", leaving=GOES).exits(0, 0, finished=True)
    assert nodes.leader.verdict.ending is Ending.FINISHED


def test_two_nodes_that_go_at_once_are_both_named():
    nodes = Nodes(1, 1).begin()
    for index in (0, 1):  # before anybody looks
        nodes.leader._states[index] = NodeState(
            **(vars(nodes.states[index]) | {"leaving": f"gpu-{index}"})
        )
    nodes.after(0.0)
    assert nodes.wants == "stop signal"
    nodes.all("exited")
    assert nodes.leader.verdict.words == "a node was drained: gpu-0; gpu-1"


def test_a_gang_that_is_being_prepared_does_not_start_on_a_node_that_goes():
    nodes = Nodes(1, 1).begin().say(0, "ready").say(1, "preparing", leaving=GOES)
    nodes.say(1, "ready")
    assert nodes.wants == "stop signal"
    nodes.all("exited")
    assert (nodes.wants, nodes.leader.verdict.ending) == ("over", Ending.NODE_DRAINED)


def test_a_node_that_went_before_the_gang_had_left_it_was_lost():
    nodes = Nodes(1, 1).running().say(1, "running", leaving=GOES)
    nodes.leader.node_lost(1, "it refuses the connection", nodes.now)
    nodes.exits(0, -15, stopped=True)
    assert nodes.leader.verdict.ending is Ending.WORKER_LOST


def test_the_next_attempt_is_not_ended_for_what_the_last_one_left():
    nodes = Nodes(1).running().say(0, "running", leaving=GOES).exits(0, 0)
    nodes.say(0, "quiet", leaving="").begin(2).say(0, "ready", exits=()).say(0, "running")
    nodes.exits(0, 0)
    assert nodes.leader.verdict.ending is Ending.FINISHED
