"""Holds, other jobs and arrays: what they do to a job, and to the time that it has waited."""

from dataclasses import replace

import pytest

from launcher.model import lifecycle, waiting
from launcher.model.ending import Ending
from launcher.model.job import After
from launcher.model.lifecycle import IllegalTransitionError
from launcher.model.states import JobState as S

NOW = 1000.0


def test_a_held_job_is_not_eligible_and_says_who_holds_it(lives):
    change = waiting.hold(lives().job, NOW, by="ada")
    assert (change.job.state, change.job.is_eligible) == (S.HELD, False)
    assert change.job.reason == change.events[0].text == "held by ada"


def test_a_hold_and_a_release_told_twice_do_nothing(lives):
    held = waiting.hold(lives().job, NOW, by="ada").job
    assert waiting.hold(held, NOW + 5, by="bob").job == held
    free = waiting.release(held, NOW + 5, by="ada").job
    assert waiting.release(free, NOW + 9, by="ada").job == free
    assert free.is_eligible


@pytest.mark.parametrize("state", [S.SETUP, S.STARTING, S.RUNNING, S.CANCELLING, S.SUCCEEDED])
def test_only_a_job_that_waits_is_held(lives, state):
    with pytest.raises(IllegalTransitionError):
        waiting.hold(replace(lives().job, state=state), NOW, by="ada")


def test_an_ended_job_is_not_released(lives):
    with pytest.raises(IllegalTransitionError):
        waiting.release(replace(lives().job, state=S.FAILED), NOW, by="ada")


def test_a_running_job_is_left_alone_by_a_release_that_comes_late(lives):
    job = lives().running().job
    assert waiting.release(job, NOW, by="ada").job == job


def test_the_time_of_a_hold_is_none_in_the_queue(lives):
    held = waiting.hold(lives().job, NOW + 100, by="ada").job
    free = waiting.release(held, NOW + 700, by="ada").job
    assert (free.queued_at, free.in_line_since) == (NOW + 600, NOW + 600)
    assert free.held_at is None


def test_a_job_that_was_submitted_held_begins_to_wait_when_it_is_released(lives):
    job = waiting.hold(lives().job, NOW, by="ada").job
    assert waiting.release(job, NOW + 50, by="ada").job.queued_at == NOW + 50


def test_a_hold_does_not_move_what_the_job_waits_for_anyway(lives):
    job = replace(lives().job, queued_at=NOW + 900, not_before=NOW + 900)
    held = waiting.hold(job, NOW, by="ada").job
    assert waiting.release(held, NOW + 50, by="ada").job.queued_at == NOW + 900
    assert waiting.release(held, NOW + 1000, by="ada").job.queued_at == NOW + 1000


def test_timeouts_queue_counts_neither_holds_nor_waiting_for_others(lives):
    job = lives(queue_timeout_s=60.0).job
    held = waiting.hold(job, NOW + 30, by="ada").job
    assert lifecycle.tick(held, NOW + 1000).job == held
    free = waiting.release(held, NOW + 1000, by="ada").job
    assert lifecycle.tick(free, NOW + 1029).job == free
    assert lifecycle.tick(free, NOW + 1031).job.state is S.FAILED

    second = waiting.wait_for(job, [After("prep-abcdef")])
    assert lifecycle.tick(second, NOW + 1000).job == second
    second = waiting.meet(second, "prep-abcdef", NOW + 1000).job
    assert lifecycle.tick(second, NOW + 1059).job == second
    assert lifecycle.tick(second, NOW + 1061).job.state is S.FAILED


def test_a_job_waits_until_all_others_have_ended_as_it_wants(lives):
    job = waiting.wait_for(lives().job, [After("a-aaaaaa"), After("b-bbbbbb", "ended")])
    assert not job.is_eligible
    assert waiting.obstacle(job, NOW) == "waits for a-aaaaaa to succeed and b-bbbbbb to end"
    change = waiting.meet(job, "a-aaaaaa", NOW + 5)
    assert change.events[0].text == "a-aaaaaa has ended: still waits for b-bbbbbb to end"
    assert waiting.meet(change.job, "a-aaaaaa", NOW + 5).events == ()
    free = waiting.meet(change.job, "b-bbbbbb", NOW + 9).job
    assert (free.is_eligible, free.queued_at, waiting.obstacle(free, NOW)) == (True, NOW + 9, "")


def test_what_kept_a_job_out_of_the_queue_counts_once_and_not_as_its_age(lives):
    job = waiting.wait_for(lives().job, [After("a-aaaaaa")])
    job = waiting.hold(job, NOW + 10, by="ada").job
    job = waiting.meet(job, "a-aaaaaa", NOW + 50).job
    job = waiting.release(job, NOW + 70, by="ada").job
    assert (job.queued_at, job.in_line_since) == (NOW + 70, NOW + 70)
    life = lives()
    life.job = job
    again = life.running(NOW + 80).lost(0, NOW + 90).job
    assert (again.queued_at, again.in_line_since) == (NOW + 90, NOW + 70)


def test_many_others_are_named_in_few_words(lives):
    job = waiting.wait_for(lives().job, [After(f"job-{n}") for n in range(9)])
    assert waiting.obstacle(job, NOW) == (
        "waits for job-0 to succeed, job-1 to succeed, job-2 to succeed and 6 more"
    )


@pytest.mark.parametrize("held", [False, True])
def test_a_job_whose_other_failed_is_cancelled_and_keeps_what_it_waited_for(lives, held):
    job = waiting.wait_for(lives().job, [After("prep-abcdef")])
    job = waiting.hold(job, NOW, by="ada").job if held else job
    change = waiting.give_up(job, "prep-abcdef", "it failed", NOW)
    assert change.job.state is S.CANCELLED
    assert change.job.reason == "prep-abcdef was to succeed before, and it failed"
    assert change.job.after == (After("prep-abcdef"),)


def test_what_has_begun_or_ended_is_not_given_up(lives):
    job = lives().running().job
    assert waiting.give_up(job, "prep-abcdef", "it failed", NOW).job == job


def test_an_element_out_of_turn_is_not_eligible_until_it_takes_it(lives):
    job = replace(lives().job, array_id="sweep-abcdef", array_limit=2, array_waits=True)
    assert (job.is_eligible, waiting.takes_room(job)) == (False, False)
    assert waiting.obstacle(job, NOW) == "waits for its turn: 2 of sweep-abcdef at once"
    taken = waiting.take_turn(job, NOW + 5).job
    assert (taken.is_eligible, waiting.takes_room(taken), taken.queued_at) == (True, True, NOW + 5)
    assert waiting.take_turn(taken, NOW + 9).job == taken


def test_a_held_or_ended_element_leaves_its_room_and_comes_back_to_the_end_of_the_row(lives):
    job = replace(lives().job, array_id="sweep-abcdef", array_limit=2)
    held = waiting.hold(job, NOW, by="ada").job
    assert not waiting.takes_room(held)
    assert waiting.release(held, NOW, by="ada").job.array_waits
    cancelled = lifecycle.cancel(job, NOW, by="ada").job
    assert not waiting.takes_room(cancelled)
    assert lifecycle.retry(cancelled, NOW, by="ada").job.array_waits


def test_a_limit_that_is_taken_away_gives_each_element_its_turn(lives):
    job = replace(lives().job, array_id="sweep-abcdef", array_limit=2, array_waits=True)
    change = waiting.set_limit(job, None, NOW + 5, by="ada")
    assert (change.job.is_eligible, change.job.array_limit) == (True, None)
    assert change.job.queued_at == NOW + 5
    assert [event.text for event in change.events] == [
        "limit of sweep-abcdef changed from 2 to none by ada"
    ]


def test_the_same_limit_again_is_no_change_and_an_ended_element_has_no_event_of_it(lives):
    job = replace(lives().job, array_id="sweep-abcdef", array_limit=2)
    assert not waiting.set_limit(job, 2, NOW, by="ada").events
    ended = lifecycle.cancel(job, NOW, by="ada").job
    change = waiting.set_limit(ended, 4, NOW, by="ada")
    assert (change.job.array_limit, change.events) == (4, ())


@pytest.mark.parametrize(("limit", "back"), [(1, "012"), (2, "02"), (3, "2"), (4, ""), (9, "")])
def test_beyond_a_lower_limit_are_those_that_would_have_had_their_turn_last(lives, limit, back):
    def element(index, job, **more):
        more = {"array_id": "sweep-abcdef", "array_index": index, "array_limit": 5} | more
        return replace(job, id=f"sweep-abcdef-{index}", **more)

    array = [
        element(0, lives().job),
        element(1, lives().job, priority=60),
        element(2, lives().job),
        element(3, lives().running().job),
        element(4, lives().job, array_waits=True),
        element(5, waiting.hold(lives().job, NOW, by="ada").job),
    ]
    assert waiting.beyond(array, limit) == {f"sweep-abcdef-{index}" for index in back}


def test_the_reason_of_not_before_is_the_moment_and_of_a_failure_its_back_off(lives):
    job = replace(lives().job, not_before=NOW + 7200)
    assert waiting.obstacle(job, NOW) == ("starts at 1970-01-01 02:16 UTC at the earliest, in 2h")
    life = lives(max_retries=1, backoff_s=30.0).running()
    life.lost(0).ended(Ending.PROGRAM_FAILED)
    assert waiting.obstacle(life.job, NOW) == ""
