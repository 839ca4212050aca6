"""A job leaves nodes that are about to go: at no cost, and in words that name them."""

import pytest

from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import RankExit, Verdict
from launcher.model.states import JobState as S

NOW, WHY = 2000.0, "gpu-7 (drained by ada: a new disk)"


def drain(life, why=WHY):
    return life.do(lifecycle.drain(life.job, NOW, why=why))


@pytest.mark.parametrize("begun", ["placed", "registered", "running"])
def test_wherever_its_attempt_is_it_ends_and_the_job_is_queued_again(lives, begun):
    life = lives(nodes=2).placed()
    if begun != "placed":
        life.registered()
    if begun == "running":
        life.running()
    drain(life)
    assert life.told("draining") == [f"leaves its place: {WHY}"]
    assert life.job.attempt.stopping is Ending.NODE_DRAINED
    if begun != "placed":  # else nobody registered, so that nothing runs
        life.quiet(NOW)
    assert life.job.state is S.QUEUED
    assert life.job.reason == f"a node was drained: {WHY}"
    verdict = life.job.attempt.verdict
    assert (verdict.ending, verdict.words) == (
        Ending.NODE_DRAINED,
        f"a node was drained: {WHY}",
    )
    assert not life.job.allocation.is_wanted
    assert (life.job.failures, life.job.fruitless, life.job.not_before) == (0, 0, 0.0)


def test_it_costs_no_patience_however_often(lives):
    life = lives()
    for _ in range(20):
        life.placed().registered()
        drain(life)
        life.quiet(NOW)
    assert (life.job.state, life.job.fruitless) == (S.QUEUED, 0)


def test_in_line_it_stands_where_its_submit_puts_it(lives):
    life = lives().running()
    before = life.job.in_line_since
    drain(life)
    life.quiet(NOW)
    assert life.job.in_line_since == before


def test_told_again_it_changes_nothing(lives):
    job = drain(lives().running()).job
    assert lifecycle.drain(job, NOW + 1, why="another") == lifecycle.Change(job)


def test_a_user_who_cancels_meanwhile_has_his_way(lives):
    life = drain(lives().running())
    life.do(lifecycle.cancel(life.job, NOW, by="ada"))
    life.quiet(NOW)
    assert life.job.state is S.CANCELLED
    assert life.job.attempt.verdict.words == ""


def test_a_job_that_is_being_preempted_ends_as_that(lives):
    life = lives().running()
    life.do(lifecycle.preempt(life.job, NOW, by="bert"))
    drain(life)
    life.quiet(NOW)
    assert life.job.attempt.verdict.ending is Ending.PREEMPTED


def test_between_two_attempts_it_leaves_at_once(lives):
    life = lives(max_retries=3).running().ended(Ending.PROGRAM_FAILED)
    assert life.job.state is S.STARTING
    drain(life)
    assert (life.job.state, life.job.allocation.is_wanted) == (S.QUEUED, False)


def test_what_had_done_its_work_succeeds(lives):
    life = drain(lives().running())
    done = Verdict(Ending.FINISHED, exits=(RankExit(0, 0, finished=True),), began=True)
    life.do(lifecycle.give_verdict(life.job, 1, done))
    life.quiet(NOW)
    assert life.job.state is S.SUCCEEDED


def test_a_node_that_went_before_the_gang_had_left_was_lost_at_no_cost(lives):
    life = drain(lives(nodes=2).running())
    life.lost(1)
    life.do(lifecycle.quiet(life.job, 1, 0, 1, NOW))
    verdict = life.job.attempt.verdict
    assert verdict.ending is Ending.NODE_LOST
    assert verdict.words.endswith(f"(a node was drained: {WHY})")
    assert (life.job.state, life.job.failures) == (S.QUEUED, 0)
