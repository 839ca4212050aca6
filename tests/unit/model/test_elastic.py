"""The life of a job whose number of workers is from one to another."""

from dataclasses import replace

import pytest

from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import AllocationState, Resources
from launcher.model.states import JobState as S

NOW = 1000.0


@pytest.fixture
def elastic(lives):
    """With 2 to 8 workers."""
    life = lives(nodes=2)
    life.job = replace(life.job, resources=Resources(8, fewest=2))
    return life


def test_its_gang_has_the_workers_that_it_was_placed_with(elastic):
    assert elastic.job.gang.workers == 8
    elastic.placed()
    assert elastic.job.gang == Resources(2)
    assert elastic.told("granted") == [
        "attempt 1 granted on 2 nodes of cluster rays with 2 of 8 workers"
    ]


def test_one_that_grows_gives_its_place_back_and_goes_before_the_others(elastic):
    elastic.running()
    elastic.do(lifecycle.stop(elastic.job, Ending.RESIZED, NOW + 1))
    elastic.quiet(NOW + 2)
    job = elastic.job
    assert (job.state, job.attempt.verdict.ending) == (S.QUEUED, Ending.RESIZED)
    assert job.allocation.state is AllocationState.STOPPING
    assert job.resizes
    assert (job.failures, job.fruitless) == (0, 0)


@pytest.mark.parametrize("ending", [Ending.NODE_LOST, Ending.PREEMPTED])
def test_one_that_lost_its_place_waits_in_order(elastic, ending):
    elastic.running().ended(ending, NOW + 2)
    assert not elastic.job.resizes


def test_one_that_could_not_start_again_waits_in_order(elastic):
    elastic.running()
    elastic.do(lifecycle.stop(elastic.job, Ending.RESIZED, NOW + 1))
    elastic.quiet(NOW + 2)
    elastic.do(lifecycle.released(elastic.job, 1)).placed(NOW + 3)
    elastic.do(lifecycle.allocation_failed(elastic.job, 2, "taken by others", NOW + 4))
    assert elastic.job.state is S.QUEUED
    assert not elastic.job.resizes


@pytest.mark.parametrize("workers", [1, 3, 4])
def test_one_process_for_all_stands_for_as_many_workers_as_there_is_room_for(elastic, workers):
    wish = Resources(4, gpus_per_worker=2, replicas_per_rank=4, fewest=1)
    job = lifecycle.place(replace(elastic.job, resources=wish), "rays", [("a", workers)], NOW).job
    [slot] = job.allocation.slots
    assert (slot.ranks, slot.replicas, slot.workers) == (1, workers, workers)
    assert job.gang.per_rank() == {"CPU": workers, "GPU": 2 * workers}
