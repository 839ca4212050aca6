"""A job whose environment is made first: SETUP, what leads out of it, and what time does there."""

from __future__ import annotations

import pytest

from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import RankExit, Verdict
from launcher.model.states import JobState as S

NOW = 1000.0


@pytest.fixture
def life(lives):
    """Granted, its environment being made on two nodes."""
    return lives(nodes=2, sets_up=True, start_timeout_s=60.0).placed().registered()


def set_up(life, *nodes, now=NOW):
    attempt = life.job.attempt
    for index in nodes:
        life.do(lifecycle.set_up(life.job, attempt.allocation, index, attempt.number, now))
    return life


def test_a_job_with_requirements_is_set_up_before_it_starts(life):
    assert life.job.state is S.SETUP
    assert set_up(life, 0).job.state is S.SETUP
    assert set_up(life, 1).job.state is S.STARTING
    assert life.told("set-up") == ["the environment is in place on 2 nodes"]
    assert life.running().job.state is S.RUNNING


def test_a_job_without_requirements_starts_at_once(lives):
    assert lives().placed().job.state is S.STARTING


def test_the_word_that_an_environment_is_there_may_come_twice_and_late(life):
    set_up(life, 0, 1, 1, 0)
    life.running()
    set_up(life, 0, 1)
    assert life.job.state is S.RUNNING
    assert len(life.told("set-up")) == 1


def test_ranks_that_started_before_all_agents_said_so_tell_that_it_is_there_once(life):
    """The other agent's word travels on its own and may be the later one."""
    set_up(life, 0).running()
    set_up(life, 1)
    assert life.job.state is S.RUNNING
    assert life.told("set-up") == ["the environment is in place on 2 nodes"]


def test_of_another_allocation_it_says_nothing(life):
    assert lifecycle.set_up(life.job, 7, 0, 1, NOW).job == life.job


def test_an_attempt_in_the_same_allocation_has_its_environment(life):
    set_up(life, 0, 1).running().ended(Ending.WORKER_LOST)
    assert life.job.state is S.STARTING
    life.do(lifecycle.grant_in_place(life.job, NOW, None))
    assert life.job.state is S.STARTING


def test_making_an_environment_takes_as_long_as_it_takes(life):
    life.do(lifecycle.tick(life.job, NOW + 10_000))
    assert life.job.state is S.SETUP
    assert life.job.attempt.stopping is None
    set_up(life, 0, 1, now=NOW + 10_000)
    life.do(lifecycle.tick(life.job, NOW + 10_050))
    assert life.job.attempt.stopping is None
    life.do(lifecycle.tick(life.job, NOW + 10_061))
    assert life.job.attempt.stopping is Ending.START_TIMEOUT


def test_agents_that_never_come_have_the_time_to_start_and_no_more(lives):
    life = lives(nodes=2, sets_up=True, start_timeout_s=60.0).placed()
    life.do(lifecycle.tick(life.job, NOW + 61))
    assert life.job.state is S.QUEUED


def test_a_cancel_in_setup_stops_the_attempt_and_ends_the_job(life):
    life.do(lifecycle.cancel(life.job, NOW, by="ada"))
    assert life.job.state is S.CANCELLING
    assert life.job.attempt.stopping is Ending.CANCELLED_BY_USER
    assert life.quiet().job.state is S.CANCELLED


def test_what_cannot_be_set_up_fails_and_is_not_tried_again(lives):
    life = lives(sets_up=True, max_retries=3).placed().registered()
    life.ended(Ending.SETUP_FAILED, words="node 0: no such package", began=False)
    assert (life.job.state, life.job.reason) == (S.FAILED, "node 0: no such package")


def test_a_node_that_is_lost_in_setup_sends_the_job_back_to_the_queue(life):
    life.lost(0).quiet()
    assert life.job.state is S.QUEUED
    assert life.placed().job.state is S.SETUP


@pytest.mark.parametrize("code", [0, 1])
def test_ranks_that_ran_prove_that_the_environment_was_there(lives, code):
    """Its word was lost, the leader's verdict was not."""
    life = lives(sets_up=True).placed().registered()
    ending = Ending.PROGRAM_FAILED if code else Ending.FINISHED
    verdict = Verdict(ending, "", None, (RankExit(0, code),), began=True)
    life.do(lifecycle.give_verdict(life.job, 1, verdict)).quiet()
    assert life.job.state is (S.FAILED if code else S.SUCCEEDED)


def test_ranks_that_run_prove_it_too(lives):
    life = lives(sets_up=True).placed().registered()
    assert life.do(lifecycle.started(life.job, 1, NOW)).job.state is S.RUNNING


def test_the_versions_that_a_job_was_locked_to_first_stay(lives):
    life = lives(sets_up=True)
    life.do(lifecycle.lock(life.job, "a" * 64)).do(lifecycle.lock(life.job, "b" * 64))
    assert life.job.policy.lock == "a" * 64
    assert len(life.told("locked")) == 1
