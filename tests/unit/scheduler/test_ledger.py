"""The columns of who holds what say the same as going through all that run."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from launcher.model.job import Resources
from launcher.scheduler.floor import Floor
from launcher.scheduler.giving import Giving, freed
from launcher.scheduler.ledger import LEAST_LEFT_S
from launcher.scheduler.state import ClusterView, NodeView, Running

NOW = 100_000.0
NODES = 12


@pytest.fixture(scope="module")
def floor():
    """A cluster after thousands of gangs came and went, so that the columns closed up often."""
    chance = random.Random(1)
    has = {"GPU": 100.0, "CPU": 1000.0}
    nodes = [NodeView("lab", f"n{i:02}", f"n{i}", has, has) for i in range(NODES)]
    floor = Floor(ClusterView("lab", tuple(nodes)))
    floor.free.column("GPU"), floor.free.column("CPU")
    for number in range(3_000):
        if len(floor.holders) > 60 or (floor.holders and chance.random() < 0.4):
            floor.release(chance.choice(sorted(floor.holders)))
            continue
        one = _running(f"job-{number}", chance)
        floor.hold(one.job_id, one)
        if chance.random() < 0.2:  # and is known better
            floor.hold(one.job_id, _running(one.job_id, chance))
    return floor


def _running(name, chance):
    where = tuple((f"n{i:02}", chance.randint(1, 2)) for i in chance.sample(range(NODES), 3))
    gang = Resources(
        sum(n for _, n in where), cpus_per_worker=1, gpus_per_worker=chance.choice((0, 1))
    )
    since = NOW - chance.choice((5.0, 500.0, 5_000.0))
    limit = chance.choice((None, 100.0, 1_000.0, 10_000.0))
    ending = chance.random() < 0.1
    return Running(name, name, "lab", where, gang, since=since, lasts_s=limit, is_ending=ending)


def ends_at(one):
    """When one will be over, as `Ledger.ends` tells of all at once."""
    if one.is_ending:
        return NOW
    if one.lasts_s is not None and one.since + one.lasts_s > NOW:
        return one.since + one.lasts_s
    return NOW + max(NOW - one.since, LEAST_LEFT_S)


def known_end(one):
    end = ends_at(one)
    is_told = one.is_ending or (one.lasts_s is not None and one.since + one.lasts_s > NOW)
    return end if is_told else math.inf


@pytest.mark.parametrize(("guessed", "end"), [(True, ends_at), (False, known_end)])
@pytest.mark.parametrize("name", ["GPU", "CPU"])
def test_what_is_free_after_each_end_is_what_those_that_are_over_give_back(
    floor, guessed, end, name
):
    giving = Giving(floor, NOW, guessed=guessed)
    for at in [-math.inf, *sorted({end(one) for one in floor.holders.values()})]:
        over = [key for key, one in floor.holders.items() if end(one) <= at]
        assert np.array_equal(giving.room(at).column(name), freed(floor, over).column(name))


def test_without_all_that_hold_something_all_is_free(floor):
    assert np.array_equal(freed(floor, floor.holders).column("CPU"), floor.whole.column("CPU"))


def test_who_ends_by_a_moment_is_told_the_last_one_last(floor):
    at = NOW + 900.0
    over = Giving(floor, NOW).over_by(at, ["n03", "gone"])
    here = [one for one in floor.holders.values() if "n03" in one.nodes and ends_at(one) <= at]
    assert list(over) == sorted(here, key=lambda one: (ends_at(one), one.job_id))


def test_the_earliest_room_is_found_wherever_it_is(floor):
    giving = Giving(floor, NOW)
    moments = [-math.inf, *sorted({ends_at(one) for one in floor.holders.values()})]
    for first in moments:
        enough = giving.room(first).sum("CPU")
        found = giving.earliest(lambda room, enough=enough: room.sum("CPU") >= enough)
        assert found is not None
        assert giving.room(found).sum("CPU") == enough
        assert found <= first
    assert giving.earliest(lambda _: False) is None
