from __future__ import annotations

import itertools

import pytest

from launcher.executor.pacing import (
    BURST,
    CHECK_EVERY_S,
    FOLLOWED_EVERY_S,
    QUIET_AFTER_S,
    QUIET_CHECK_EVERY_S,
    SHARE,
    STEADY_EVERY_S,
    Pace,
)


def shipments(
    pace: Pace, *, until: float, every_s: float, begin: float = 0.0, followed: bool = False
) -> list[float]:
    """When something was shipped of a program that writes every so often."""
    now, written, sent = begin, begin, []
    while now < until:
        is_new = now >= written
        if is_new:
            sent.append(now)
            written = now + every_s
        now += pace.pause(shipped=is_new, took_s=0.0, now=now, followed=followed)
    return sent


def test_a_steady_stream_is_shipped_at_once_at_first_and_then_once_a_second() -> None:
    sent = shipments(Pace(0.0), until=100.0, every_s=0.0)
    assert sent[3] < 1.0
    assert len(sent) <= 100.0 / STEADY_EVERY_S + BURST
    gaps = [b - a for a, b in itertools.pairwise(sent[10:])]
    assert all(abs(gap - STEADY_EVERY_S) < 0.01 for gap in gaps)


def test_a_steady_stream_is_shipped_more_often_while_somebody_follows() -> None:
    pace = Pace(0.0)
    alone = shipments(pace, until=50.0, every_s=0.0)
    seen = shipments(pace, begin=50.0, until=70.0, every_s=0.0, followed=True)
    assert alone[-1] - alone[-2] == pytest.approx(STEADY_EVERY_S)
    assert seen[-1] - seen[-2] == pytest.approx(FOLLOWED_EVERY_S)


def test_a_line_after_a_pause_is_shipped_as_soon_as_it_is_seen() -> None:
    pace = Pace(0.0)
    shipments(pace, until=50.0, every_s=0.0)
    assert pace.pause(shipped=False, took_s=0.0, now=55.0) == CHECK_EVERY_S
    assert pace.pause(shipped=True, took_s=0.0, now=61.0) == CHECK_EVERY_S


def test_ranks_that_were_quiet_for_long_are_looked_at_less_often_until_they_speak() -> None:
    pace = Pace(0.0)
    assert pace.pause(shipped=False, took_s=0.0, now=QUIET_AFTER_S + 1) == QUIET_CHECK_EVERY_S
    assert pace.pause(shipped=True, took_s=0.0, now=QUIET_AFTER_S + 2) == CHECK_EVERY_S


def test_a_rare_line_never_waits() -> None:
    pace = Pace(0.0)
    for second in range(0, 60, 2):
        assert pace.pause(shipped=True, took_s=0.0, now=float(second)) == CHECK_EVERY_S


def test_a_slow_server_is_asked_less_often() -> None:
    assert Pace(0.0).pause(shipped=True, took_s=2.0, now=0.0) == 2.0 / SHARE
