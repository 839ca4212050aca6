"""The transition table and the three maps of endings: total, and as the design says."""

import itertools

import pytest

from launcher.model import lifecycle
from launcher.model.ending import NEXT_STATE, RETRY, WORDS, Ending, Retry
from launcher.model.states import ACTIVE, TERMINAL, TRANSITIONS, JobState

S = JobState
ALLOWED = {
    (S.HELD, S.QUEUED), (S.HELD, S.CANCELLED),
    (S.QUEUED, S.HELD), (S.QUEUED, S.SETUP), (S.QUEUED, S.STARTING), (S.QUEUED, S.CANCELLED),
    (S.QUEUED, S.FAILED),
    (S.SETUP, S.STARTING), (S.SETUP, S.QUEUED), (S.SETUP, S.CANCELLING), (S.SETUP, S.FAILED),
    (S.STARTING, S.STARTING), (S.STARTING, S.RUNNING), (S.STARTING, S.QUEUED),
    (S.STARTING, S.CANCELLING), (S.STARTING, S.SUCCEEDED), (S.STARTING, S.FAILED),
    (S.RUNNING, S.STARTING), (S.RUNNING, S.QUEUED), (S.RUNNING, S.CANCELLING),
    (S.RUNNING, S.SUCCEEDED), (S.RUNNING, S.FAILED),
    (S.CANCELLING, S.CANCELLED),
    (S.FAILED, S.QUEUED), (S.CANCELLED, S.QUEUED),
}  # fmt: skip


@pytest.mark.parametrize(
    "pair", list(itertools.product(S, S)), ids=lambda pair: f"{pair[0]}-{pair[1]}"
)
def test_a_job_moves_only_along_the_table(pair, lives):
    before, after = pair
    job = lifecycle.replace(lives().job, state=before)
    if pair in ALLOWED:
        assert lifecycle.move(job, after, "why", 5.0).state is after
    else:
        with pytest.raises(lifecycle.IllegalTransitionError, match=f"{before} -> {after}"):
            lifecycle.move(job, after, "why", 5.0)


def test_only_a_terminal_state_has_a_time_of_its_end(lives):
    job = lives().job
    ended = lifecycle.move(job, S.CANCELLED, "", 5.0)
    assert (job.ended_at, ended.ended_at) == (None, 5.0)
    assert lifecycle.move(ended, S.QUEUED, "", 6.0).ended_at is None


def test_every_state_has_its_row():
    assert set(TRANSITIONS) == set(S)
    assert not TERMINAL & ACTIVE
    assert {state for state in S if state.is_terminal} == TERMINAL


def test_success_is_for_ever():
    assert TRANSITIONS[S.SUCCEEDED] == frozenset()


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_has_a_next_state_a_price_and_words(ending):
    assert NEXT_STATE[ending] in S
    assert RETRY[ending] in Retry
    assert WORDS[ending]
    assert WORDS[ending][-1] != "."


@pytest.mark.parametrize("ending", [e for e in Ending if RETRY[e] is Retry.FREE])
def test_what_is_not_the_programs_fault_never_fails_a_job_by_itself(ending):
    assert NEXT_STATE[ending] not in TERMINAL


@pytest.mark.parametrize("ending", [e for e in Ending if RETRY[e] is not Retry.FREE])
def test_what_is_not_tried_again_for_nothing_ends_the_job(ending):
    assert NEXT_STATE[ending] in TERMINAL


def test_states_and_endings_print_as_they_are_stored():
    assert (str(S.QUEUED), str(Ending.NODE_LOST)) == ("QUEUED", "NODE_LOST")
