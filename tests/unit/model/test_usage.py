"""What attempts held counts half as much every week, exactly, however it is summed up."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import Resources
from launcher.model.project import Usage
from launcher.model.usage import HALF_LIFE_S, decayed, dominant_s, held_s, together, usage_of

NOW = 1000.0
HOUR = 3600.0
amounts = st.floats(0, 1e12)
moments = st.floats(0, 4e9)
spans = st.floats(0, 1e8)


def near(one, other):
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)


def alike(one, other):
    return (
        (one.project, one.user, one.at) == (other.project, other.user, other.at)
        and near(one.gpu_s, other.gpu_s)
        and near(one.cpu_s, other.cpu_s)
    )


def past(gpu_s=8.0, cpu_s=4.0, at=0.0):
    return Usage("vision", "ada", gpu_s, cpu_s, at)


@pytest.mark.parametrize(("weeks", "left"), [(0, 8.0), (1, 4.0), (3, 1.0)])
def test_a_week_halves_the_past(weeks, left):
    found = decayed(past(), weeks * HALF_LIFE_S)
    assert found.gpu_s == pytest.approx(left)
    assert found.cpu_s == pytest.approx(left / 2)
    assert found.at == weeks * HALF_LIFE_S


def test_a_clock_that_went_back_makes_nothing_grow():
    assert decayed(past(at=50.0), 10.0) == past(at=50.0)


@given(amounts, moments, spans, spans)
def test_decaying_in_two_steps_is_decaying_in_one(gpu_s, at, first, second):
    whole = decayed(past(gpu_s, at=at), at + first + second)
    steps = decayed(decayed(past(gpu_s, at=at), at + first), at + first + second)
    assert alike(whole, steps)


@given(st.lists(st.tuples(amounts, moments), min_size=1, max_size=5), st.randoms())
def test_the_order_of_adding_changes_nothing(parts, random):
    def total(given):
        found = given[0]
        for one in given[1:]:
            found = together(found, one)
        return found

    usages = [past(gpu_s, gpu_s / 2, at) for gpu_s, at in parts]
    mixed = random.sample(usages, len(usages))
    assert alike(total(usages), total(mixed))


@given(moments, spans, spans)
def test_splitting_a_span_changes_nothing(begin, first, second):
    middle, end = begin + first, begin + first + second
    before = decayed(past(held_s(begin, middle), 0.0, middle), end)
    assert near(before.gpu_s + held_s(middle, end), held_s(begin, end))


@given(spans)
def test_a_span_counts_no_more_than_it_lasted_and_never_more_than_the_whole_past(span):
    assert 0 <= held_s(0.0, span) <= min(span, HALF_LIFE_S / math.log(2)) + 1e-6


def test_hours_count_as_hours_and_weeks_as_less():
    assert held_s(0, HOUR) == pytest.approx(HOUR, rel=0.003)
    assert held_s(0, HALF_LIFE_S) == pytest.approx(HALF_LIFE_S / 2 / math.log(2))


def test_a_clock_that_went_back_during_a_span_costs_nothing():
    assert held_s(100.0, 40.0) == 0


# --- of jobs -------------------------------------------------------------------------------------


@pytest.fixture
def life(lives):
    """Of a job of two ranks with 4 GPUs and 2 CPUs each."""
    life = lives(nodes=2, backoff_s=60.0, max_retries=3)
    resources = Resources(2, cpus_per_worker=2, gpus_per_worker=4, nodes=2)
    life.job = replace(life.job, resources=resources, project="vision", user="ada")
    return life


def told(life, step):
    """What the steps add to the past, one after the other."""
    found, do = [], life.do

    def watched(change):
        found.append(usage_of(life.job, change.job))
        return do(change)

    life.do = watched
    step(life)
    return [one for one in found if one is not None]


def test_an_attempt_that_ends_adds_what_all_its_ranks_held_since_its_grant(life):
    [one] = told(life, lambda life: life.running(NOW).ended(Ending.FINISHED, NOW + HOUR))
    assert (one.project, one.user, one.at) == ("vision", "ada", NOW + HOUR)
    assert one.gpu_s == pytest.approx(8 * held_s(NOW, NOW + HOUR))
    assert one.cpu_s == pytest.approx(4 * held_s(NOW, NOW + HOUR))


def test_an_attempt_that_runs_adds_nothing_yet(life):
    assert told(life, lambda life: life.running(NOW)) == []


def test_a_job_that_never_ran_adds_nothing(life):
    assert told(life, lambda life: life.do(lifecycle.cancel(life.job, NOW, by="ada"))) == []


def test_the_back_off_between_two_attempts_of_an_allocation_counts_to_who_keeps_it(life):
    def story(life):
        life.running(NOW).ended(Ending.PROGRAM_FAILED, NOW + HOUR)
        life.do(lifecycle.grant_in_place(life.job, NOW + HOUR + 60, None))

    first, between = told(life, story)
    assert between.gpu_s == pytest.approx(8 * 60, rel=1e-3)
    whole = together(first, between)
    assert whole.gpu_s == pytest.approx(8 * held_s(NOW, NOW + HOUR + 60))


def test_time_in_the_queue_between_two_allocations_costs_nothing(life):
    def story(life):
        life.running(NOW).lost(0, NOW + HOUR).quiet(NOW + HOUR)
        life.placed(NOW + 2 * HOUR)

    [one] = told(life, story)
    assert one.at == NOW + HOUR


def test_workers_that_are_one_process_count_all(life):
    resources = Resources(3, gpus_per_worker=4, replicas_per_rank=3)
    life.job = replace(life.job, resources=resources)

    def story(life):
        life.do(lifecycle.place(life.job, "rays", [("a", 3)], NOW))
        life.do(lifecycle.stop(life.job, Ending.PREEMPTED, NOW + 1))

    [one] = told(life, story)
    assert one.gpu_s == pytest.approx(3 * 4, rel=1e-3)


def test_the_dominant_part_is_of_the_resource_of_which_it_had_most():
    assert dominant_s(past(gpu_s=80.0, cpu_s=80.0), gpus=8, cpus=64) == 10
    assert dominant_s(past(gpu_s=1.0, cpu_s=640.0), gpus=8, cpus=64) == 10
    assert dominant_s(past(), gpus=0, cpus=0) == 0
