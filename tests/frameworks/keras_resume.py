"""What all backends of Keras are held to: stopped and resumed, a training ends as the whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from keras_workers import Gang

EPOCHS, STEPS = 3, 8  # of programs/keras_fits.py
STOP_IN = 2 * STEPS + 3
"""The step of the last fit after which it is stopped: in the middle of its last epoch."""


def assert_resumes_exactly(
    folder: Path, backend: str, workers: int, fits: list[str], *, has_all_figures: bool = False
) -> dict[str, Any]:
    """Run fits of which the last is stopped, then resume it; the answer of the first attempt.

    Args:
        folder: a new one.
        backend: of Keras.
        workers: how many.
        fits: of programs/keras_fits.py; "whole" and "broken" are the last two.
        has_all_figures: the figures of the stopped epoch's training are those of all workers.
    """
    first = Gang(folder / "first", backend, workers)
    first.stop_at((len(fits) - 1) * EPOCHS * STEPS + STOP_IN)
    answer, *others = first.run("keras_fits", *fits)
    assert others == [answer] * (workers - 1)
    assert_reported_and_saved(first, len(fits))

    saved = first.folder / "saved" / f"step-{STOP_IN:010d}"
    second = Gang(folder / "second", backend, workers, LAUNCHER_RESUME_FROM=str(saved))
    resumed, *others = second.run("keras_fits", *fits)
    assert others == [resumed] * (workers - 1)
    assert f"fit number {len(fits) - 1} was done before" in second.log()
    whole, broken = answer["whole"], resumed["broken"]
    assert broken["weights"] == whole["weights"]
    assert broken["moments"] == whole["moments"]
    names = [name for name in whole["history"] if name[:4] == "val_" or has_all_figures]
    last = {name: whole["history"][name][-1:] for name in names}
    assert_same_curve({name: broken["history"][name] for name in names}, last)
    steps = [record["step"] for record in second.records("m")]
    assert steps == list(range(STOP_IN + 1, EPOCHS * STEPS + 1))
    return answer


def assert_same_curve(found: dict[str, list[float]], expected: dict[str, list[float]]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-4), name


def assert_reported_and_saved(gang: Gang, fits: int) -> None:
    """The first rank tells of every step once, with the epochs' logs at their last ones."""
    records = gang.records("m")
    whole = list(range(1, EPOCHS * STEPS + 1))
    assert [record["step"] for record in records] == whole * (fits - 1) + whole[:STOP_IN]
    assert {record["n"] for record in records} == {EPOCHS * STEPS}
    ends = [record for record in records if "val_loss" in record["m"]]
    assert {record["step"] % STEPS for record in ends} == {0}
    saved = [(record["step"], "val_loss" in record["metrics"]) for record in gang.records("c")]
    by_epoch = [(step, True) for step in range(STEPS, EPOCHS * STEPS + 1, STEPS)]
    assert saved == by_epoch * (fits - 1) + [*by_epoch[:2], (STOP_IN, False)]
    for rank in range(1, gang.workers):
        assert not gang.records("m", rank)
        assert not gang.records("c", rank)
