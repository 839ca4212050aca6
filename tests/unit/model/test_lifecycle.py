"""Each step of a job's life: what it does, and that a message told twice or late does nothing."""

from dataclasses import replace

import pytest

from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import AllocationState, RankExit, Resources, Verdict
from launcher.model.lifecycle import IllegalTransitionError
from launcher.model.states import JobState as S

NOW = 1000.0


def same(change, job):
    return change.job == job and change.events == ()


def test_a_grant_says_where_and_from_which_step(lives):
    life = lives(nodes=2).placed(resume=(7, 300))
    assert life.job.state is S.STARTING
    assert (life.job.attempt.resume_checkpoint, life.job.attempt.resume_step) == (7, 300)
    assert life.told("granted") == [
        "attempt 1 granted on 2 nodes of cluster rays, resumes from step 300"
    ]


def test_workers_that_are_one_process_are_one_rank(lives):
    life = lives()
    resources = Resources(workers=4, gpus_per_worker=2, replicas_per_rank=4)
    change = lifecycle.place(replace(life.job, resources=resources), "rays", [("a", 4)], NOW)
    [slot] = change.job.allocation.slots
    assert slot.ranks == 1
    assert resources.per_rank() == {"CPU": 4, "GPU": 8}
    started = lifecycle.started(change.job, 1, NOW)
    assert started.events[-1].text == "attempt 1 runs: 1 rank started"


def test_an_agent_registers_once(lives):
    life = lives().placed().registered()
    again = lifecycle.register(life.job, 1, 0, "10.9.9.9:1")
    assert same(again, life.job)


def test_an_agent_of_a_closed_slot_does_not_register(lives):
    life = lives(nodes=2).placed().lost(0)
    assert same(lifecycle.register(life.job, 1, 0, "10.0.0.1:7"), life.job)


@pytest.mark.parametrize("allocation", [0, 2])
def test_words_about_another_allocation_change_nothing(lives, allocation):
    job = lives().running().job
    for change in (
        lifecycle.register(job, allocation, 0, "10.0.0.1:7"),
        lifecycle.quiet(job, allocation, 0, 1, NOW),
        lifecycle.close_slot(job, allocation, 0, NOW, proof="x"),
        lifecycle.allocation_failed(job, allocation, "x", NOW),
        lifecycle.released(job, allocation),
    ):
        assert same(change, job)


@pytest.mark.parametrize("index", [-1, 1])
def test_words_about_a_node_that_there_is_not_change_nothing(lives, index):
    job = lives().running().job
    assert same(lifecycle.close_slot(job, 1, index, NOW, proof="x"), job)


def test_a_start_that_is_told_after_the_attempt_was_given_up_changes_nothing(lives):
    job = lives().placed().registered().lost(0).job
    assert job.attempt.is_over
    assert same(lifecycle.started(job, 1, NOW), job)


def test_a_gang_that_started_is_running_and_told_once(lives):
    life = lives(nodes=2).running(NOW + 5)
    assert life.job.state is S.RUNNING
    assert life.job.attempt.started_at == NOW + 5
    assert life.told("running") == ["attempt 1 runs: 2 ranks started"]
    assert same(lifecycle.started(life.job, 1, NOW + 6), life.job)


def test_the_start_of_another_attempt_is_not_this_ones(lives):
    life = lives().placed().registered()
    assert same(lifecycle.started(life.job, 2, NOW), life.job)


def test_a_gang_that_starts_while_its_job_is_cancelled_stays_cancelling(lives):
    life = lives().placed().registered()
    life.do(lifecycle.cancel(life.job, NOW, by="root")).running()
    assert life.job.state is S.CANCELLING
    assert life.job.attempt.started_at == NOW


def test_an_attempt_ends_when_its_last_node_is_quiet(lives):
    life = lives(nodes=2).running()
    life.do(lifecycle.give_verdict(life.job, 1, Verdict(Ending.FINISHED, "fine")))
    life.do(lifecycle.quiet(life.job, 1, 0, 1, NOW))
    assert life.job.state is S.RUNNING
    life.do(lifecycle.quiet(life.job, 1, 1, 1, NOW))
    assert life.job.state is S.SUCCEEDED
    assert life.told("FINISHED") == ["attempt 1 ended: fine"]
    assert life.job.allocation.state is AllocationState.STOPPING


def test_what_is_quiet_stays_quiet(lives):
    life = lives(nodes=2).running()
    life.do(lifecycle.quiet(life.job, 1, 0, 1, NOW))
    assert same(lifecycle.quiet(life.job, 1, 0, 1, NOW), life.job)
    assert same(lifecycle.quiet(life.job, 1, 0, 0, NOW), life.job)


def test_a_verdict_on_an_attempt_that_is_over_comes_too_late(lives):
    life = lives().running().ended(Ending.FINISHED)
    assert same(lifecycle.give_verdict(life.job, 1, Verdict(Ending.KILLED)), life.job)


def test_the_leaders_verdict_beats_what_is_inferred_from_a_lost_node(lives):
    life = lives(nodes=2).running()
    life.do(lifecycle.give_verdict(life.job, 1, Verdict(Ending.PROGRAM_FAILED, "rank 1: exit 1")))
    life.lost(1).quiet()
    assert life.job.attempt.verdict.ending is Ending.PROGRAM_FAILED


def test_without_a_verdict_the_loss_is_the_ending(lives):
    life = lives(nodes=2).running().lost(1).quiet()
    assert life.told("lost") == ["node 1 (node-1): it is gone"]
    assert life.told("NODE_LOST") == ["attempt 1 ended: a node was lost: it is gone"]
    assert life.job.state is S.QUEUED


def test_without_verdict_and_loss_it_was_the_leader(lives):
    life = lives().running().quiet()
    assert life.job.attempt.verdict.words == "the gang's leader died"


def test_the_first_proof_of_a_closed_slot_stays(lives):
    life = lives(nodes=2).running().lost(1)
    assert same(lifecycle.close_slot(life.job, 1, 1, NOW, proof="another"), life.job)


def test_an_agent_that_leaves_between_attempts_is_no_event(lives):
    life = lives().running().ended(Ending.FINISHED)
    life.do(lifecycle.close_slot(life.job, 1, 0, NOW, proof="given up"))
    assert life.told("closed") == life.told("lost") == []


def test_resources_that_could_not_be_had_lead_back_to_the_queue(lives):
    life = lives(nodes=2).placed()
    life.do(lifecycle.allocation_failed(life.job, 1, "somebody took them", NOW))
    assert life.job.state is S.QUEUED
    assert life.job.allocation.state is AllocationState.STOPPING
    assert life.told("allocation-failed") == ["somebody took them"]


def test_a_half_made_allocation_waits_for_the_agent_that_came(lives):
    life = lives(nodes=2).placed()
    life.do(lifecycle.register(life.job, 1, 0, "10.0.0.0:7"))
    life.do(lifecycle.allocation_failed(life.job, 1, "one did not come", NOW))
    assert life.job.state is S.STARTING
    life.do(lifecycle.quiet(life.job, 1, 0, 1, NOW))
    assert life.job.state is S.QUEUED


def test_resources_are_gone_once_they_were_to_go(lives):
    life = lives().running()
    assert same(lifecycle.released(life.job, 1), life.job)
    life.ended(Ending.FINISHED).do(lifecycle.released(life.job, 1))
    assert life.job.allocation.state is AllocationState.GONE


def test_a_waiting_job_is_cancelled_at_once(lives):
    life = lives()
    life.do(lifecycle.cancel(life.job, NOW, by="root"))
    assert life.job.state is S.CANCELLED
    assert life.told("cancel") == ["cancelled by root"]
    assert same(lifecycle.cancel(life.job, NOW, by="root"), life.job)


def test_a_running_job_is_stopped_first(lives):
    life = lives().running()
    life.do(lifecycle.cancel(life.job, NOW, by="root"))
    assert life.job.state is S.CANCELLING
    assert life.job.attempt.stopping is Ending.CANCELLED_BY_USER
    assert same(lifecycle.cancel(life.job, NOW, by="root"), life.job)
    life.do(lifecycle.cancel(life.job, NOW, by="root", force=True))
    assert life.job.attempt.force
    life.quiet()
    assert life.job.state is S.CANCELLED


def test_a_job_between_two_attempts_is_cancelled_at_once(lives):
    life = lives(max_retries=1).running().ended(Ending.PROGRAM_FAILED)
    assert life.job.state is S.STARTING
    life.do(lifecycle.cancel(life.job, NOW, by="root"))
    assert life.job.state is S.CANCELLED
    assert life.job.allocation.state is AllocationState.STOPPING


@pytest.mark.parametrize("first", [Ending.RUN_TIMEOUT, Ending.START_TIMEOUT, Ending.PREEMPTED])
def test_a_users_wish_overrules_the_stop_that_is_under_way(lives, first):
    life = lives().running()
    life.do(lifecycle.stop(life.job, first, NOW))
    life.do(lifecycle.cancel(life.job, NOW + 1, by="root"))
    life.quiet(NOW + 2)
    assert life.job.state is S.CANCELLED
    assert life.job.attempt.verdict.ending is Ending.CANCELLED_BY_USER
    assert life.job.attempt.stopping_since == NOW


def test_no_later_stop_overrules_an_earlier_one(lives):
    life = lives().running()
    life.do(lifecycle.cancel(life.job, NOW, by="root", force=True))
    assert same(lifecycle.stop(life.job, Ending.RUN_TIMEOUT, NOW), life.job)


def test_a_stopped_program_that_had_finished_has_finished(lives):
    life = lives().running()
    life.do(lifecycle.stop(life.job, Ending.RUN_TIMEOUT, NOW))
    exits = (RankExit(0, 0, finished=True),)
    life.do(lifecycle.give_verdict(life.job, 1, Verdict(Ending.FINISHED, exits=exits))).quiet()
    assert life.job.state is S.SUCCEEDED


def test_a_program_that_saved_and_left_when_asked_has_not_finished(lives):
    life = lives().running()
    life.do(lifecycle.stop(life.job, Ending.PREEMPTED, NOW))
    life.do(lifecycle.give_verdict(life.job, 1, Verdict(Ending.FINISHED, exits=(RankExit(0, 0),))))
    life.quiet()
    assert life.job.attempt.verdict.ending is Ending.PREEMPTED
    assert life.job.state is S.QUEUED


def test_a_stop_closes_slots_whose_agent_never_registered(lives):
    life = lives(nodes=2).placed()
    life.do(lifecycle.register(life.job, 1, 0, "10.0.0.0:7"))
    life.do(lifecycle.stop(life.job, Ending.START_TIMEOUT, NOW))
    assert [bool(slot.closed) for slot in life.job.allocation.slots] == [False, True]


@pytest.mark.parametrize(
    ("policy", "ending"),
    [({"start_timeout_s": 60.0}, Ending.START_TIMEOUT), ({"run_timeout_s": 60.0}, None)],
)
def test_a_start_that_takes_too_long_is_stopped(lives, policy, ending):
    life = lives(**policy).placed().registered()
    assert same(lifecycle.tick(life.job, NOW + 60), life.job)
    assert lifecycle.tick(life.job, NOW + 61).job.attempt.stopping is ending


def test_ranks_that_are_started_wait_for_each_other_beyond_the_start_timeout(lives):
    life = lives(start_timeout_s=60.0).placed().registered().running(NOW + 30)
    assert same(lifecycle.tick(life.job, NOW + 3600), life.job)


def test_the_run_timeout_counts_from_the_start_of_the_attempt(lives):
    life = lives(run_timeout_s=60.0).placed().registered().running(NOW + 30)
    assert same(lifecycle.tick(life.job, NOW + 90), life.job)
    life.do(lifecycle.tick(life.job, NOW + 91)).quiet()
    assert life.job.state is S.FAILED
    assert life.told("RUN_TIMEOUT") == ["attempt 1 ended: the job ran longer than timeouts.run"]


def test_a_job_that_waited_too_long_fails_with_its_reason(lives):
    life = lives(queue_timeout_s=60.0)
    life.job = lifecycle.replace(life.job, reason="no room")
    life.do(lifecycle.tick(life.job, NOW + 61))
    assert life.job.state is S.FAILED
    assert life.told("timeout") == ["waited longer than timeouts.queue (1m): no room"]


def test_a_failed_job_is_queued_again_with_a_fresh_budget(lives):
    life = lives(max_retries=1).running().ended(Ending.PROGRAM_FAILED)
    life.do(lifecycle.grant_in_place(life.job, NOW + 10, None)).running()
    life.ended(Ending.PROGRAM_FAILED)
    assert (life.job.state, life.job.failures) == (S.FAILED, 1)
    life.do(lifecycle.retry(life.job, NOW + 20, by="root"))
    assert (life.job.state, life.job.failures, life.job.queued_at) == (S.QUEUED, 0, NOW + 20)
    assert life.placed().job.attempt.number == 3


@pytest.mark.parametrize("state", sorted(set(S) - {S.FAILED, S.CANCELLED}))
def test_only_a_failed_or_cancelled_job_is_queued_again(lives, state):
    job = lifecycle.replace(lives().job, state=state)
    with pytest.raises(IllegalTransitionError):
        lifecycle.retry(job, NOW, by="root")


@pytest.mark.parametrize("state", [S.QUEUED, S.HELD, S.SETUP, S.STARTING, S.RUNNING])
def test_a_job_that_waits_or_runs_takes_another_priority(lives, state):
    job = replace(lives().job, state=state)
    change = lifecycle.set_priority(job, 80, by="ada")
    assert change.job == replace(job, priority=80)
    [event] = change.events
    assert event.text == "priority changed from 50 to 80 by ada"
    assert same(lifecycle.set_priority(change.job, 80, by="bob"), change.job)


@pytest.mark.parametrize("state", [S.CANCELLING, S.SUCCEEDED, S.FAILED, S.CANCELLED])
def test_a_job_that_ends_or_has_ended_has_no_priority_any_more(lives, state):
    job = replace(lives().job, state=state)
    with pytest.raises(IllegalTransitionError):
        lifecycle.set_priority(job, 80, by="ada")


def test_a_preempted_job_saves_first(lives):
    life = lives().running()
    life.do(lifecycle.preempt(life.job, NOW + 1, by="urgent-1"))
    assert (life.job.state, life.job.attempt.stopping) == (S.RUNNING, Ending.PREEMPTED)
    assert life.told("preempted") == ["makes room for urgent-1"]
    assert same(lifecycle.preempt(life.job, NOW + 2, by="urgent-1"), life.job)


def test_a_job_between_two_attempts_makes_room_at_once_and_keeps_its_back_off(lives):
    life = lives(max_retries=2).running().ended(Ending.PROGRAM_FAILED, NOW + 1)
    assert life.job.state is S.STARTING
    due = life.job.not_before
    life.do(lifecycle.preempt(life.job, NOW + 2, by="urgent-1"))
    assert (life.job.state, life.job.not_before) == (S.QUEUED, due)
    assert life.job.allocation.state is AllocationState.STOPPING
    assert life.told("preempted") == ["makes room for urgent-1"]
