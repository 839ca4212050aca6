"""When a worker that an agent took is replaced."""

from __future__ import annotations

import pytest

from launcher.executor.spares import PAUSE_S, Spares


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def spares(now):
    return Spares(lambda _: None, lambda: now[0])


def test_a_worker_is_replaced_once_its_node_had_time_for_the_ranks(spares, now):
    spares.taken("a")
    assert spares.due() == []
    now[0] += PAUSE_S
    assert spares.due() == ["a"]
    assert spares.due() == []


def test_where_agents_start_all_the_time_none_is_replaced_meanwhile(spares, now):
    for _ in range(10):
        spares.taken("a")
        now[0] += PAUSE_S / 2
        assert spares.due() == []
    now[0] += PAUSE_S
    assert spares.due() == ["a"]


def test_each_node_has_its_own_time(spares, now):
    spares.taken("a")
    now[0] += PAUSE_S / 2
    spares.taken("b")
    now[0] += PAUSE_S / 2
    assert spares.due() == ["a"]


def test_a_ray_that_cannot_do_it_is_not_asked_again():
    asked = []

    def start(node_id):
        asked.append(node_id)
        raise RuntimeError("no such call")

    times = iter([0.0, 0.0, *[PAUSE_S] * 9])
    spares = Spares(start, lambda: next(times))
    spares.taken("a")
    spares.taken("b")
    spares.keep()
    assert asked == ["a"]
