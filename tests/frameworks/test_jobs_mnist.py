"""jobs/mnist and jobs/transfer.

There is no network in tests: MNIST's files are made of the digits that come with scikit-learn.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from own_jobs import last_value, run, submit
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from stack import Stack


def idx(values: np.ndarray) -> bytes:
    """Bytes as MNIST's files have them: two zeros, 8 for bytes, the dimensions, the values."""
    head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of MNIST: images of 28 times 28, two files of the four packed."""
    digits = load_digits()
    enlarged = np.kron(digits.images * 15, np.ones((1, 3, 3)))
    images = np.pad(enlarged, ((0, 0), (2, 2), (2, 2)))
    x, test_x, y, test_y = train_test_split(
        images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    folder = tmp_path_factory.mktemp("mnist")
    for name, part, labels in (("train", x, y), ("t10k", test_x, test_y)):
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(part)))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


@pytest.mark.parametrize("name", ["pytorch", pytest.param("keras", marks=pytest.mark.slow)])
def test_it_learns_from_files_that_are_linked_into_the_jobs_folder(
    stack: Stack, data: Path, name: str
) -> None:
    job = run(stack, f"mnist/{name}", arguments="--epochs 15", links={"data": str(data)}).id
    [line] = [one for one in stack.log(job).splitlines() if one.startswith(b"test_accuracy: ")]
    assert float(line.split()[1]) >= 0.96


def test_it_says_what_is_missing_where_there_is_no_data_and_no_network(stack: Stack) -> None:
    # A proxy that answers nothing: a machine with a network must not download here.
    unreachable = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    job = submit(stack, "mnist/pytorch", workers=1, env=unreachable)
    stack.wait(job, "FAILED")
    log = stack.log(job).decode()
    assert "no MNIST at" in log
    assert "write links: {data: /path/to/mnist} in the spec" in log


@pytest.mark.slow
def test_a_job_begins_with_what_another_has_learnt(stack: Stack) -> None:
    base = run(stack, "transfer/base").id
    assert last_value(stack, base, "accuracy") >= 0.96
    tuned = run(stack, "transfer/fine-tune", from_job=base).id
    log = stack.log(tuned).decode()
    assert "begins with the features of a network for 0 to 4" in log
    assert last_value(stack, tuned, "accuracy") >= 0.96
    [newest] = stack.client.checkpoints(tuned)
    assert newest.step == 10


def test_tuning_without_a_job_to_begin_from_is_refused_in_words(stack: Stack) -> None:
    job = submit(stack, "transfer/base", arguments="--first-digit 5 --freeze", retries={"max": 0})
    stack.wait(job, "FAILED")
    assert b"launcher run fine-tune.yaml --from JOB" in stack.log(job)
