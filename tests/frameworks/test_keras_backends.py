"""Keras 3 on jax over two workers, on TensorFlow in one: what a resumed training ends with."""

from __future__ import annotations

from pathlib import Path

import pytest
from keras_resume import assert_resumes_exactly


@pytest.mark.slow
def test_on_jax_two_workers_end_equal_and_resume_exactly(tmp_path: Path) -> None:
    assert_resumes_exactly(tmp_path, "jax", 2, ["whole", "broken"], has_all_figures=True)


@pytest.mark.slow
def test_on_tensorflow_a_resumed_training_is_exact(tmp_path: Path) -> None:
    assert_resumes_exactly(tmp_path, "tensorflow", 1, ["whole", "broken"])
