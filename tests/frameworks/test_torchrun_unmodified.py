"""jobs/torchrun-unmodified: a program that knows nothing of us, killed and resumed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import machine
import pytest
from stack import Stack

JOB = Path(__file__).parents[2] / "jobs" / "torchrun-unmodified"
EPOCH = re.compile(rb"epoch (\d+)/")


def test_a_killed_program_goes_on_from_what_it_saved_by_itself(stack: Stack) -> None:
    job = stack.submit(
        JOB,
        entrypoint="train.py --epochs 6 --epoch-pause 1.5",
        checkpoints={"watch": ["snapshot.pt"]},
        outputs=["snapshot.pt"],
        retries=1,
    )
    stack.wait_for(job, lambda: stack.client.checkpoints(job), "a checkpoint")
    machine.kill(machine.ranks(job)[1])
    ended = stack.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in ended.attempts] == ["KILLED", "FINISHED"]
    epochs = [[int(n) for n in EPOCH.findall(stack.log(job, attempt=n))] for n in (1, 2)]
    assert epochs[1] == list(range(epochs[1][0], 7))
    assert 1 < epochs[1][0] <= epochs[0][-1] + 1
    assert b"goes on after epoch" in stack.log(job, attempt=2)
    assert [output.path for output in stack.client.outputs(job)] == ["snapshot.pt"]


@pytest.mark.slow
def test_torchrun_itself_runs_the_same_file(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", "2", str(JOB / "train.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", done.stdout)]
    assert len(losses) == 20
    assert losses[-1] < 0.1 * losses[0]
    assert (tmp_path / "snapshot.pt").exists()
