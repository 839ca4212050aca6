"""jobs/binary: three programs that learn, a picture of a loss, and the listing that does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from own_jobs import last_value, output, run, submit
from stack import Stack

SPECS = ("pytorch", "tensorflow", "keras")
GOOD = 0.96


def accuracy(stack: Stack, job: str) -> float:
    [line] = [one for one in stack.log(job).splitlines() if one.startswith(b"test_accuracy: ")]
    return float(line.split()[1])


@pytest.mark.parametrize(
    "name", ["pytorch", *(pytest.param(name, marks=pytest.mark.slow) for name in SPECS[1:])]
)
def test_two_workers_tell_the_points_apart(stack: Stack, name: str) -> None:
    job = run(stack, f"binary/{name}").id
    assert accuracy(stack, job) >= GOOD


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_one_worker_tells_them_apart_too(stack: Stack, name: str) -> None:
    arguments = "" if name == "pytorch" else "--cpu-replicas 1"
    job = run(stack, f"binary/{name}", workers=1, arguments=arguments).id
    assert accuracy(stack, job) >= GOOD


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("bce", "all elements of input should be between 0 and 1"),
        ("cross-entropy", "Expected floating point type for target with class probabilities"),
    ],
)
def test_the_listing_that_is_often_printed_fails_in_torchs_words(
    stack: Stack, form: str, words: str
) -> None:
    ended = stack.wait(submit(stack, "binary/wrong", arguments=f"--form {form}"), "FAILED")
    assert ended.attempt is not None
    assert (ended.attempt.ending, ended.attempt.first_failing) == ("PROGRAM_FAILED", 0)
    assert words in ended.reason


def test_its_third_form_runs_to_the_end_and_learns_nothing(stack: Stack) -> None:
    job = run(stack, "binary/wrong", arguments="--form silent --epochs 3").id
    [series] = stack.client.metrics(job, name="loss")
    assert {point[1] for point in series.points} == {0.0}


@pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None,
    reason="no matplotlib here: pip install -e '.[examples]'",
)
def test_the_loss_of_a_thousand_epochs_comes_back_as_a_picture(
    stack: Stack, tmp_path: Path
) -> None:
    job = run(stack, "binary/plot-loss").id
    assert output(stack, job, "loss.png", tmp_path).startswith(b"\x89PNG")
    assert accuracy(stack, job) >= GOOD
    assert last_value(stack, job, "loss") < 0.1
