"""`launcher validate` tells what does not go together: at the place it is refused at, or warned."""

from __future__ import annotations

import pytest

FIT = """\
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
model.compile()
model.fit(data)
"""


@pytest.fixture
def validate(cli, tmp_path, monkeypatch):
    """Validates a spec of two workers for `train.py`; exit code and stderr."""

    def call(program, lines, *more):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "train.py").write_text(program)
        text = f"entrypoint: train.py\nresources: {{workers: 2}}\n{lines}\n"
        (tmp_path / "job.yaml").write_text(text)
        code, _, err = cli("validate", "job.yaml", *more)
        return code, err

    return call


def test_what_is_known_to_fail_is_an_error_at_the_key_that_asks_for_it(validate):
    lines = "framework: tensorflow\ntensorflow: {strategy: multi_worker_mirrored}"
    code, err = validate(FIT, lines)
    assert code == 2
    assert "job.yaml:4:24: tensorflow.strategy: train.py:4: fit of Keras 3 fails under Mul" in err
    assert validate(FIT, lines, "--set", 'env={TF_USE_LEGACY_KERAS: "1"}')[0] == 0


def test_what_trains_otherwise_than_meant_is_a_warning_beside_the_answer(validate):
    code, err = validate(FIT, "framework: tensorflow")
    assert code == 0
    assert "job.yaml: ok" in err
    assert "warning: job.yaml: train.py:2: MultiWorkerMirroredStrategy is made in one proc" in err


def test_a_spec_that_fits_is_told_nothing(validate):
    assert "warning" not in validate("import torch", "framework: pytorch")[1]
