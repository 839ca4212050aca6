"""What happened to a training is marked where it happened on its curves."""

from __future__ import annotations

from dataclasses import replace

from launcher.model.ending import Ending
from launcher.model.job import Attempt, Verdict
from launcher.server.curving import Choice, _restarts
from launcher.store.reading import SeriesInfo

FIRST = Attempt(1, 1, 100.0, started_at=101.0, ended_at=150.0)


def ended(ending: Ending, words: str = "") -> Attempt:
    return replace(FIRST, verdict=Verdict(ending, words))


def test_the_first_attempt_is_no_restart() -> None:
    assert _restarts([FIRST]) == []


def test_a_restart_says_from_where_and_why() -> None:
    second = Attempt(2, 2, 160.0, resume_step=40, started_at=170.0)
    (mark,) = _restarts([second, ended(Ending.NODE_LOST, "node n1 is lost")])
    assert (mark.kind, mark.step, mark.time, mark.attempt) == ("restart", 40, 170.0, 2)
    assert mark.text == "attempt 2 from step 40: node n1 is lost"


def test_a_restart_from_the_beginning_that_has_not_started_stands_where_it_was_granted() -> None:
    (mark,) = _restarts([ended(Ending.PROGRAM_FAILED), Attempt(2, 1, 160.0)])
    assert (mark.step, mark.time, mark.text) == (0, 160.0, "attempt 2 from step 0")


def test_an_attempt_of_another_size_is_a_resize() -> None:
    second = Attempt(2, 2, 160.0, resume_step=9)
    assert [mark.kind for mark in _restarts([ended(Ending.RESIZED), second])] == ["resize"]


def test_series_are_chosen_by_name_rank_and_kind() -> None:
    loss, other = (SeriesInfo(1, "loss", rank, 1, 0, 0, 0.5) for rank in (0, 1))
    load = SeriesInfo(2, "node/cpu", 0, 1, 0, 0, 0.5, "system")
    found = [loss, other, load]
    assert Choice().of(found) == [loss, other]
    assert Choice(("loss",), (1,)).of(found) == [other]
    assert Choice(("acc",)).of(found) == []
    assert Choice(kind="system").of(found) == [load]
