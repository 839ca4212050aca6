import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from launcher.model.straggler import FACTOR, STEPS, GangPace, Mark, Recovered

STEP_S = 0.5


def reports(step_s, *, start=1000.0, first=0):
    """Steps and times of a rank whose steps take so long."""
    steps, times, at = [], [], start
    for number, took in enumerate(step_s):
        at += took
        steps.append(first + number)
        times.append(at)
    return steps, times


def in_turns(pace, gang, size=5):
    """Give the reports of all ranks in stretches, as they come from their nodes."""
    turns = []
    for begin in range(0, max(len(steps) for steps, _ in gang), size):
        for rank, (steps, times) in enumerate(gang):
            turns += pace.take(rank, steps[begin : begin + size], times[begin : begin + size])
    return turns


def alone(count, slow=(), *, factor=2.0, ranks=4, slow_rank=2):
    """Reports of ranks that do not wait for each other; one is slow in some of its steps."""
    return [
        reports(
            [
                STEP_S * (factor if rank == slow_rank and number in slow else 1.0)
                for number in range(count)
            ]
        )
        for rank in range(ranks)
    ]


def test_a_rank_that_is_slow_for_twenty_steps_is_marked_once():
    turns = in_turns(GangPace([0, 0, 1, 1]), alone(200, range(50, 150)))
    assert [type(turn) for turn in turns] == [Mark, Recovered]
    mark, recovered = turns
    assert mark.rank == recovered.rank == 2
    assert mark.step == 50 + STEPS - 1
    assert mark.factor == pytest.approx(2.0, abs=0.01)
    assert not mark.is_late
    assert recovered.step == 150 + STEPS - 1


@given(st.integers(0, STEPS - 1), st.integers(2, 9), st.floats(1.5, 20))
def test_one_that_is_slow_for_fewer_steps_is_not(count, ranks, factor):
    # Else it stays behind by a part of a step, as one that waits for the others and reports late.
    assume(not 0 < count * (factor - 1) < 1.01)
    gang = alone(80, range(30, 30 + count), factor=factor, ranks=ranks, slow_rank=ranks - 1)
    assert in_turns(GangPace([0] * ranks), gang) == []


@given(st.integers(STEPS, 60), st.integers(2, 9), st.floats(FACTOR + 0.05, 20), st.integers(1, 40))
def test_one_that_is_slow_for_more_is_whatever_the_stretches(count, ranks, factor, size):
    gang = alone(120, range(30, 30 + count), factor=factor, ranks=ranks, slow_rank=ranks - 1)
    turns = in_turns(GangPace(list(range(ranks))), gang, size)
    assert [turn.rank for turn in turns if isinstance(turn, Mark)] == [ranks - 1]


@given(st.lists(st.floats(1.0, FACTOR - 0.01), min_size=2, max_size=8), st.integers(1, 30))
def test_nobody_is_marked_for_less_than_the_factor(factors, size):
    gang = [reports([STEP_S * factor] * 100) for factor in factors]
    assert in_turns(GangPace(list(range(len(factors)))), gang, size) == []


@given(st.integers(0, 2**32), st.integers(2, 6))
def test_a_step_of_all_may_take_as_long_as_it_likes(seed, ranks):
    """Another phase of the training, a checkpoint of all: everybody is slower at once."""
    lengths = random.Random(seed)
    steps = [STEP_S * lengths.choice([0.1, 1.0, 10.0]) for _ in range(120)]
    assert in_turns(GangPace([0] * ranks), [reports(steps)] * ranks) == []


def test_ranks_that_wait_for_each_other_show_who_is_late_within_the_step():
    gang = [reports([STEP_S] * 60) for _ in range(3)]
    late = reports([STEP_S + 0.3, *[STEP_S] * 59])
    (mark,) = in_turns(GangPace([0, 0, 0, 0]), [*gang, late])
    assert mark == Mark(3, STEPS, mark.factor, is_late=True)
    assert mark.factor == pytest.approx(1.6)


def test_a_lag_of_milliseconds_is_nobodys_fault():
    gang = [reports([0.03] * 600) for _ in range(3)]
    assert in_turns(GangPace([0] * 4), [*gang, reports([0.03 + 0.015, *[0.03] * 599])]) == []


def test_lag_is_never_told_across_two_machines_whose_clocks_differ():
    nodes, gang = (
        [0, 0, 1, 1],
        [reports([STEP_S] * 60, start=rank // 2 * 3600.2) for rank in range(4)],
    )
    assert in_turns(GangPace(nodes), gang) == []


def test_a_rank_that_is_whole_steps_behind_waits_for_nobody_and_is_not_late():
    gang = [reports([STEP_S] * 60), reports([STEP_S] * 60), reports([STEP_S] * 60, start=1005.0)]
    assert in_turns(GangPace([0, 0, 0]), gang) == []


def test_steps_of_a_millisecond_must_be_slow_for_seconds():
    def gang(slow):
        return [reports([0.001] * 4000), reports([0.001] * 4000), reports([0.001] * 1000 + slow)]

    assert in_turns(GangPace([0, 0, 0]), gang([0.004] * 100 + [0.001] * 2900), 500) == []
    (mark,) = in_turns(GangPace([0, 1, 2]), gang([0.004] * 2000), 500)
    assert (mark.rank, mark.factor) == (2, pytest.approx(4.0, rel=0.1))


def test_one_long_step_of_one_rank_is_no_streak():
    """Rank 0 writes a checkpoint every ten steps, and reports every ten."""
    gang = [
        ([10 * n for n in range(40)], [n * 10 * STEP_S + n // 4 * 20 for n in range(40)]),
        ([10 * n for n in range(40)], [n * 10 * STEP_S for n in range(40)]),
        ([10 * n for n in range(40)], [n * 10 * STEP_S for n in range(40)]),
    ]
    assert in_turns(GangPace([0, 1, 2]), gang, 4) == []


def test_where_rank_0_alone_reports_nobody_is_compared():
    pace = GangPace([0, 0])
    assert pace.take(0, *reports([STEP_S] * 100)) == []


def test_one_that_was_marked_before_a_restart_is_not_marked_again_and_recovers():
    pace = GangPace([0, 1, 2], marked=[2])
    gang = alone(120, range(60), ranks=3)
    assert in_turns(pace, gang) == [Recovered(2, 60 + STEPS - 1)]


@given(
    st.lists(
        st.tuples(
            st.integers(-1, 4),
            st.lists(
                st.tuples(
                    st.integers(-(2**63), 2**63 - 1),
                    st.floats(allow_nan=True, allow_infinity=True),
                ),
                max_size=6,
            ),
        ),
        max_size=30,
    )
)
def test_reports_without_sense_break_nothing(stretches):
    pace = GangPace([0, 0, 1])
    for rank, points in stretches:
        for turn in pace.take(rank, [step for step, _ in points], [at for _, at in points]):
            assert 0 <= turn.rank < 3


@pytest.mark.parametrize("ranks", [2, 5])
def test_one_that_is_thousands_of_steps_behind_is_marked(ranks):
    pace = GangPace(list(range(ranks)))
    for rank in range(ranks - 1):
        assert pace.take(rank, *reports([STEP_S] * 5000)) == []
    (mark,) = pace.take(ranks - 1, *reports([2 * STEP_S] * 100))
    assert (mark.rank, mark.factor) == (ranks - 1, pytest.approx(2.0))


def test_what_is_remembered_of_a_rank_far_ahead_is_bounded():
    pace = GangPace([0, 1])
    pace.take(1, [0, 1], [0.0, 1.0])
    for begin in range(0, 50_000, 1000):
        pace.take(
            0, list(range(begin, begin + 1000)), [float(n) for n in range(begin, begin + 1000)]
        )
    assert len(pace._rows) <= 256
