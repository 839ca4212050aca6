from __future__ import annotations

from pathlib import Path

import pytest

from launcher.train import attempt, local_rank, rank, resume_from, world_size

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
