"""Keras programs as jobs, through server, executor, agents and Ray."""

from __future__ import annotations

import json
from pathlib import Path

from stack import Stack

PROGRAM = Path(__file__).parent / "programs" / "keras_dies.py"


def test_a_killed_keras_worker_ends_the_attempt_and_the_next_goes_on_to_equal_weights(
    stack: Stack,
) -> None:
    job = stack.submit(
        PROGRAM,
        framework="keras",
        keras={"backend": "torch"},
        retries=1,
        env={"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1"},
    )
    view = stack.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in view.attempts] == ["KILLED", "FINISHED"]
    answers = [json.loads(stack.log(job, rank, attempt=2).splitlines()[-1]) for rank in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["backend"] == "torch"
    assert answers[0]["epochs"] == 2  # of three: the first was done
    assert answers[0]["steps"] == 12
    kinds = [event.text for event in stack.client.events(job)]
    assert not [text for text in kinds if "not distributed" in text]
