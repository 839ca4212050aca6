"""Who compares ranks is told what they report: once it is stored, each point once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from launcher.model.observing import STREAM as OBSERVED
from launcher.store import Store
from launcher.store.intake import Append, SpoolName

JOB = "digits-k3m9ap"
Line = Callable[..., bytes]
Told = list[tuple[str, int, int, dict[str, list[tuple[int, float]]]]]


@pytest.fixture
def told(store: Store) -> Told:
    heard: Told = []

    def hear(job: str, attempt: int, rank: int, series: Any) -> None:
        points = {
            name: list(zip(columns.steps, columns.times, strict=True))
            for name, columns in series.items()
        }
        heard.append((job, attempt, rank, points))

    store.metrics.on_reports = hear
    return heard


def test_what_a_rank_reported_is_told_with_whose_it_is(
    store: Store, report_line: Line, told: Told
) -> None:
    data = report_line(1, 5.0, loss=0.5, acc=1.0) + report_line(2, 6.0, loss=0.25)
    store.metrics.append(JOB, 3, 7, 0, data)
    assert told == [(JOB, 3, 7, {"loss": [(1, 5.0), (2, 6.0)], "acc": [(1, 5.0)]})]
    assert store.metrics.points_taken == 3


def test_it_is_stored_when_it_is_told(store: Store, report_line: Line) -> None:
    seen = []
    store.metrics.on_reports = lambda job, *_: seen.append(store.metrics.points(job))
    store.metrics.append(JOB, 1, 0, 0, report_line(1, loss=0.5))
    assert [len(points) for points in seen] == [1]


def test_what_is_sent_again_is_told_once(store: Store, report_line: Line, told: Told) -> None:
    first, second = report_line(1, loss=0.5), report_line(2, loss=0.25)
    store.metrics.append(JOB, 1, 0, 0, first)
    store.metrics.append(JOB, 1, 0, 0, first)
    store.metrics.append(JOB, 1, 0, 0, first + second)
    store.metrics.append(JOB, 1, 0, 999, second)  # what comes before it is missing
    assert [points for *_, points in told] == [{"loss": [(1, 5.0)]}, {"loss": [(2, 5.0)]}]
    assert store.metrics.points_taken == 2


def test_a_line_that_comes_in_pieces_is_told_when_it_is_whole(
    store: Store, report_line: Line, told: Told
) -> None:
    line = report_line(1, loss=0.5)
    store.metrics.append(JOB, 1, 0, 0, line[:9])
    assert told == []
    store.metrics.append(JOB, 1, 0, 9, line[9:])
    assert len(told) == 1


def test_ranks_of_one_request_are_told_each_in_its_turn(
    store: Store, report_line: Line, told: Told
) -> None:
    lines = report_line(1, loss=0.5)
    store.metrics.append_all(
        [Append(SpoolName(JOB, 1, rank), 0, lines) for rank in (2, 0, 1)]
        + [Append(SpoolName("other-job", 1, 0), 0, lines)]
    )
    assert [(job, rank) for job, _, rank, _ in told] == [
        (JOB, 2), (JOB, 0), (JOB, 1), ("other-job", 0)
    ]  # fmt: skip


def test_what_an_agent_observed_is_no_report(store: Store, report_line: Line, told: Told) -> None:
    store.metrics.append(JOB, 1, 0, 0, report_line(1, loss=0.5), OBSERVED)
    assert len(store.metrics.points(JOB)) == 1
    assert (told, store.metrics.points_taken) == ([], 0)


def test_what_was_not_stored_is_not_told(
    store: Store, report_line: Line, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store.metrics._intake, "add", fail)
        with pytest.raises(OSError, match="full"):
            store.metrics.append(JOB, 1, 0, 0, report_line(1, loss=0.5))
    assert (told, store.metrics.points_taken) == ([], 0)
    store.metrics.append(JOB, 1, 0, 0, report_line(1, loss=0.5))
    assert (len(told), store.metrics.points_taken) == (1, 1)


def test_nobody_needs_to_listen(store: Store, report_line: Line) -> None:
    assert store.metrics.append(JOB, 1, 0, 0, report_line(1, loss=0.5))
