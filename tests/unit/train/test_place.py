from __future__ import annotations

from pathlib import Path

import pytest

from launcher.train import (
    attempt,
    local_rank,
    per_worker_batch,
    rank,
    resume_from,
    world_size,
)

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LAUNCHER_ATTEMPT", "LAUNCHER_RESUME_FROM")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_program_alone_is_rank_0_of_1() -> None:
    assert (rank(), local_rank(), world_size(), attempt()) == (0, 0, 1, 1)
    assert resume_from() is None


def test_the_environment_says_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(VARIABLES, ("5", "1", "8", "3", "/saved/step-0000000007"), strict=True):
        monkeypatch.setenv(name, value)
    assert (rank(), local_rank(), world_size(), attempt()) == (5, 1, 8, 3)
    assert resume_from() == Path("/saved/step-0000000007")


def test_an_empty_resume_variable_means_a_fresh_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAUNCHER_RESUME_FROM", "")
    assert resume_from() is None


@pytest.mark.parametrize(("world", "each"), [(1, 64), (2, 32), (3, 21), (4, 16), (5, 13), (64, 1)])
def test_every_process_takes_as_much_of_a_batch_as_makes_it_whole(
    monkeypatch: pytest.MonkeyPatch, world: int, each: int
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(world))
    for number in (0, world - 1):  # one that took another number would wait for ever in the others
        monkeypatch.setenv("RANK", str(number))
        assert per_worker_batch(64) == each


def test_a_batch_of_fewer_samples_than_workers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="a global batch of 3 for 4 workers"):
        per_worker_batch(3)
