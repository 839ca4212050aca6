"""Beside which rank a command runs, and which jobs have none to be visited."""

from dataclasses import replace

import pytest

from launcher.errors import ConflictError, SpecError
from launcher.model.ending import Ending
from launcher.model.states import JobState
from launcher.model.visited import Place, is_over, place_of, words_of

PLACE = Place("digits-abcdef", 1, "digits-abcdef.1", 0, "10.0.0.0:71", "node-0", 0)


@pytest.fixture
def running(lives):
    """Three nodes with two ranks each."""
    job = lives(nodes=3).running().job
    slots = tuple(replace(slot, ranks=2) for slot in job.allocation.slots)
    return replace(job, allocation=replace(job.allocation, slots=slots))


@pytest.mark.parametrize(
    ("rank", "node", "index", "found"),
    [(None, None, 0, 0), (1, None, 0, 1), (5, None, 2, 5), (None, 1, 1, 2), (None, 0, 0, 0)],
)
def test_a_rank_is_found_by_its_number_or_its_node(running, rank, node, index, found):
    place = place_of(running, rank, node)
    assert (place.index, place.rank) == (index, found)
    assert place.address == running.allocation.slots[index].address


@pytest.mark.parametrize(
    ("rank", "node", "text"),
    [
        (6, None, "rank 6: job 'digits-abcdef' has 6 ranks, 0 to 5"),
        (None, 3, "node 3: job 'digits-abcdef' has 3 nodes, 0 to 2"),
    ],
)
def test_a_rank_that_is_not_there_is_refused_with_those_that_are(running, rank, node, text):
    with pytest.raises(SpecError) as refused:
        place_of(running, rank, node)
    assert str(refused.value) == text


def test_a_job_of_one_rank_says_so(lives):
    with pytest.raises(SpecError, match="rank 1: job 'digits-abcdef' has one rank, 0"):
        place_of(lives().running().job, 1, None)


def test_a_job_without_running_ranks_is_refused_by_its_state(lives):
    refused = {
        "is QUEUED: it has no ranks yet": lives().job,
        "is STARTING: its ranks have not started yet": lives().placed().registered().job,
        "is SUCCEEDED: nothing of it runs any more": lives().running().ended(Ending.FINISHED).job,
        "is QUEUED: it has no ranks": lives().running().lost(0).job,
    }
    for text, job in refused.items():
        with pytest.raises(ConflictError, match=text) as error:
            place_of(job, None, None)
        assert error.value.hint


def test_a_node_that_was_lost_is_refused_while_the_others_are_visited(lives):
    job = lives(nodes=2).running().lost(1).job
    assert place_of(job, 0, None).index == 0
    with pytest.raises(ConflictError, match=r"rank 1 .* runs no more: it is gone"):
        place_of(job, 1, None)


def test_a_job_that_is_being_cancelled_may_be_looked_at(running):
    assert place_of(replace(running, state=JobState.CANCELLING), None, None).rank == 0


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("curl", "-H", "Authorization: secret"), "curl"),
        (("/opt/bin/py-spy", "dump"), "py-spy"),
        (("mysql -pSECRET",), "mysql"),
        (("  ",), "a shell"),
        ((), "a shell"),
        (("x" * 99,), "x" * 60),
    ],
)
def test_the_event_names_the_program_and_none_of_its_arguments(argv, name):
    assert words_of(PLACE, argv, "ada") == f"exec by ada on rank 0: {name}"


def test_the_end_of_the_attempt_is_seen(lives):
    life = lives().running()
    assert is_over(life.job, PLACE) == ""
    assert "attempt 1 of digits-abcdef is over" in is_over(life.ended(Ending.FINISHED).job, PLACE)
    assert "attempt 1" in is_over(lives().running().lost(0).job, PLACE)
    assert "node 1 of digits-abcdef is gone" in is_over(
        lives(nodes=2).running().lost(1).job, replace(PLACE, index=1)
    )
