"""Programs written for horovodrun, as jobs: real Horovod, met over the store that the leader keeps.

Horovod has no wheels, so it is not in .venv by itself: `make horovod` builds and installs it there,
or LAUNCHER_TEST_HOROVOD_PYTHON names a python that has it. Else nothing here runs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import machine
import pytest
from stack import Stack

PROGRAMS = Path(__file__).parent / "programs"
PYTHON = os.environ.get("LAUNCHER_TEST_HOROVOD_PYTHON", sys.executable)
HAS_HOROVOD = not subprocess.run(
    [PYTHON, "-c", "import importlib.metadata as m; m.version('horovod')"],
    capture_output=True,
    check=False,
).returncode
EPOCH = re.compile(rb"epoch (\d+)/")
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1"}

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif(
        not HAS_HOROVOD,
        reason=f"{PYTHON} has no horovod: make horovod builds it, about 6 minutes; or "
        "LAUNCHER_TEST_HOROVOD_PYTHON names a python that has it",
    ),
]


def submit(stack: Stack, program: str, arguments: str = "", **keys: Any) -> str:
    keys["env"] = QUIET | keys.get("env", {})
    return stack.submit(
        PROGRAMS / f"{program}.py",
        entrypoint=f"train.py {arguments}".strip(),
        framework="horovod",
        python={"interpreter": PYTHON},
        **keys,
    )


def answers(stack: Stack, job: str, ranks: int = 2) -> list[dict[str, Any]]:
    """What each rank printed as its last line, once the job has succeeded."""
    stack.wait(job, "SUCCEEDED")
    return [said_last(stack, job, rank) for rank in range(ranks)]


def said_last(stack: Stack, job: str, rank: int, attempt: int = 1) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(stack.log(job, rank, attempt).splitlines()[-1])
    return answer


def test_a_pytorch_program_trains_over_two_nodes_and_all_ranks_end_equal(stack: Stack) -> None:
    two_and_one = {"nodes": 2, "uneven": True}
    job = submit(stack, "horovod_pytorch", "--epochs 8", workers=3, resources=two_and_one)
    found = answers(stack, job, 3)
    assert [(one["rank"], one["size"]) for one in found] == [(0, 3), (1, 3), (2, 3)]
    places = [(one["local"], one["cross"]) for one in found]
    assert places == [([0, 2], [0, 2]), ([1, 2], [0, 1]), ([0, 1], [1, 2])]
    assert len({one["weights"] for one in found}) == 1
    assert found[0]["accuracy"] > 0.9
    texts = [event.text for event in stack.client.events(job)]
    assert not [text for text in texts if "not distributed" in text]


def test_a_dead_rank_ends_the_others_and_the_gang_goes_on_from_its_checkpoint(
    stack: Stack,
) -> None:
    job = submit(
        stack,
        "horovod_pytorch",
        "--epochs 16 --epoch-pause 1.5",
        checkpoints={"watch": ["checkpoint-*.pt"]},
        retries=1,
    )
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    machine.kill(machine.ranks(job)[1])
    ended = stack.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in ended.attempts] == ["KILLED", "FINISHED"]
    assert ended.attempts[0].first_failing == 1
    epochs = [[int(n) for n in EPOCH.findall(stack.log(job, attempt=n))] for n in (1, 2)]
    assert 1 < epochs[1][0] <= epochs[0][-1] + 1
    assert epochs[1] == list(range(epochs[1][0], 17))
    found = [said_last(stack, job, rank, attempt=2) for rank in (0, 1)]
    assert found[0]["weights"] == found[1]["weights"]
    assert found[0]["accuracy"] > 0.9


def test_a_tensorflow_program_of_the_old_style_trains_with_legacy_keras(stack: Stack) -> None:
    job = submit(stack, "horovod_tensorflow2", env={"TF_USE_LEGACY_KERAS": "1"})
    found = answers(stack, job)
    assert len({one["weights"] for one in found}) == 1
    assert found[0]["accuracy"] > 0.9


def test_with_keras_3_horovods_own_optimizer_drifts_apart_and_ours_does_not(stack: Stack) -> None:
    jobs = [submit(stack, "horovod_keras", whose) for whose in ("theirs", "ours")]
    theirs, ours = (answers(stack, job) for job in jobs)
    assert len({one["weights"] for one in theirs}) == 2
    assert len({one["weights"] for one in ours}) == 1
