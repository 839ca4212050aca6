"""Keras 3 on torch over two workers, bare of launcher: `distribute` and `Callback`."""

from __future__ import annotations

from pathlib import Path

import pytest
from keras_resume import assert_resumes_exactly, assert_same_curve
from keras_workers import Gang


def test_two_workers_end_equal_with_the_curve_of_one_and_resume_exactly(tmp_path: Path) -> None:
    answer = assert_resumes_exactly(tmp_path, "torch", 2, ["plain", "whole", "broken"])
    alone = Gang(tmp_path / "alone", "torch", 1).run("keras_fits", "plain")[0]
    assert_same_curve(answer["plain"]["history"], alone["plain"]["history"])


@pytest.mark.slow
def test_workers_decide_alike_and_what_would_part_them_is_refused(tmp_path: Path) -> None:
    one, two = Gang(tmp_path / "gang", "torch", 2).run("keras_torch_rules")
    unused, _ = one.pop("unused"), two.pop("unused")  # each names its rank
    assert one == two
    assert 1 < len(one["val_loss"]) < 30  # both stopped early
    assert len({one[name] for name in ("fitted", "frozen", "one by one", "accumulating")}) == 4
    assert one["mine"] == [0.5, 0.5]
    assert "distribute() is for models with one optimizer" in one["two optimizers"]
    assert "a second backward pass in one training step is not averaged" in one["twice"]
    assert "a weight got no gradient" in unused
    assert "trainable = False" in unused
