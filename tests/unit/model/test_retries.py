"""What an ending costs: counted and free retries, the back-off, and where patience ends."""

import pytest

from launcher.model import lifecycle
from launcher.model.ending import RETRY, Ending, Retry
from launcher.model.job import AllocationState
from launcher.model.states import JobState as S

NOW = 1000.0
COUNTED = [ending for ending in Ending if RETRY[ending] is Retry.COUNTED]
FREE = [ending for ending in Ending if RETRY[ending] is Retry.FREE]


def again(life, now):
    """The next attempt, wherever the job waits for it."""
    if life.job.state is S.STARTING:
        life.do(lifecycle.grant_in_place(life.job, now, None))
    else:
        life.do(lifecycle.released(life.job, life.job.allocation.number)).placed(now).registered()
    return life.running(now)


@pytest.mark.parametrize("ending", COUNTED)
def test_a_failure_of_the_program_is_tried_again_in_the_same_allocation(lives, ending):
    life = lives(max_retries=1).running().ended(ending)
    assert life.job.state is S.STARTING
    assert life.job.allocation.is_wanted
    assert life.told("retry") == ["retry 1 of 1 in 10s"]
    assert not lifecycle.wants_grant(life.job, NOW + 9.9)
    assert lifecycle.wants_grant(life.job, NOW + 10)
    again(life, NOW + 10).ended(ending)
    assert life.job.state is S.FAILED


def test_the_back_off_doubles_up_to_ten_minutes(lives):
    life = lives(max_retries=9).running()
    waits = []
    for _ in range(9):
        life.ended(Ending.PROGRAM_FAILED)
        waits.append(life.job.not_before - NOW)
        again(life, life.job.not_before)
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_without_back_off_none_is_spoken_of(lives):
    life = lives(max_retries=1, backoff_s=0.0).running().ended(Ending.KILLED)
    assert life.told("retry") == ["retry 1 of 1"]


def test_a_program_that_failed_before_it_began_is_not_tried_again(lives):
    life = lives(max_retries=3).running().ended(Ending.PROGRAM_FAILED, began=False)
    assert life.job.state is S.FAILED
    assert life.told("no-retry") == ["not retried: it failed before its first step or report"]


def test_without_retries_nothing_is_said_of_them(lives):
    life = lives().running().ended(Ending.PROGRAM_FAILED, began=False)
    assert life.told("no-retry") == []


@pytest.mark.parametrize("ending", FREE)
def test_what_is_not_the_programs_fault_costs_nothing(lives, ending):
    life = lives().running().ended(ending)
    assert life.job.state in {S.STARTING, S.QUEUED}
    assert life.job.failures == 0


def test_a_preempted_job_gives_its_allocation_back(lives):
    life = lives().running().ended(Ending.PREEMPTED, NOW + 5)
    assert (life.job.state, life.job.queued_at) == (S.QUEUED, NOW + 5)
    assert life.job.allocation.state is AllocationState.STOPPING


def test_an_allocation_with_a_lost_node_does_not_carry_the_next_attempt(lives):
    life = lives(nodes=2).running().lost(1).quiet()
    assert life.job.state is S.QUEUED
    assert life.job.allocation.state is AllocationState.STOPPING


def test_an_allocation_that_breaks_between_two_attempts_is_given_back(lives):
    life = lives(nodes=2, max_retries=1).running().ended(Ending.PROGRAM_FAILED).lost(1)
    assert life.job.state is S.QUEUED
    assert life.told("queued") == ["queued again: its allocation broke between two attempts"]
    assert life.job.not_before == NOW + 10


def test_a_job_that_never_begins_is_given_up_in_the_end(lives):
    life = lives().running()
    for _ in range(lifecycle.MAX_FRUITLESS):
        life.ended(Ending.WORKER_LOST, began=False)
        assert not life.job.state.is_terminal
        again(life, NOW)
    life.ended(Ending.WORKER_LOST, began=False, words="an agent died")
    assert life.job.state is S.FAILED
    assert life.told("failed") == [
        "6 attempts in a row ended before the program began; last: an agent died"
    ]


def test_one_attempt_that_began_renews_the_patience(lives):
    life = lives().running()
    for _ in range(3):
        for _ in range(lifecycle.MAX_FRUITLESS):
            again(life.ended(Ending.WORKER_LOST, began=False), NOW)
        again(life.ended(Ending.NODE_LOST, began=True), NOW)
    assert not life.job.state.is_terminal


def test_a_counted_failure_ends_a_row_of_fruitless_attempts(lives):
    life = lives(max_retries=1).running().ended(Ending.WORKER_LOST, began=False)
    again(life, NOW).ended(Ending.PROGRAM_FAILED)
    assert life.job.fruitless == 0


def test_what_fails_again_and_again_before_it_begins_gets_time_to_pass(lives):
    life = lives().running()
    waits = []
    for _ in range(3):
        life.ended(Ending.START_TIMEOUT, began=False)
        waits.append(life.job.not_before - NOW)
        again(life, NOW)
    assert waits == [0.0, 5.0, 10.0]


def test_preemption_says_nothing_about_whether_a_job_can_begin(lives):
    life = lives().running().ended(Ending.PREEMPTED, began=False)
    assert life.job.fruitless == 0
