"""jobs/pytorch-stdlib-lm: it learns, it writes, and a cancelled run goes on as if nothing was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stack import Stack

pytestmark = pytest.mark.apart

JOB = Path(__file__).parents[2] / "jobs" / "pytorch-stdlib-lm"
STEPS = 24
SMALL = (
    f"--steps {STEPS} --width 32 --depth 1 --heads 2 --context 32 --batch-size 8 --dropout 0.1"
    " --lr 0.01 --warmup 4 --evaluate-every 12 --validation-batches 2 --sample-length 20"
)


def curve(stack: Stack, job: str, name: str) -> list[list[tuple[int, float]]]:
    """Step and value of every point, by rank."""
    return [
        [(point[0], float(point[1])) for point in series.points]
        for series in stack.client.metrics(job, name=name)
    ]


def test_it_learns_and_a_cancelled_run_goes_on_exactly_where_it_was(stack: Stack) -> None:
    """Every loss after the resume is the one of the run that nobody disturbed, to the last bit."""
    best = {"metric": "val_loss", "mode": "min"}
    keys = {"outputs": ["samples/*.txt"], "checkpoints": {"keep_best": best}}
    job = stack.submit(JOB, entrypoint=f"train.py {SMALL} --step-pause 0.15", **keys)
    undisturbed = stack.submit(JOB, entrypoint=f"train.py {SMALL}", **keys)
    # Until it has asked whether to stop, nobody knows that it would save then.
    stack.wait_for(job, lambda: steps_done(stack, job) > 2, "its third step")
    stack.client.cancel(job)
    stack.wait(job, "CANCELLED")
    stopped_at = steps_done(stack, job)
    assert 0 < stopped_at < STEPS
    stack.client.retry(job)
    again = stack.wait(job, "SUCCEEDED")
    assert again.attempts[-1].resume_step == stopped_at
    assert stack.wait(undisturbed, "SUCCEEDED").warnings == ()

    expected = curve(stack, undisturbed, "loss")
    assert curve(stack, job, "loss") == expected
    for rank in expected:
        assert [step for step, _ in rank] == list(range(1, STEPS + 1))
        assert rank[-1][1] < 0.9 * rank[0][1]
    assert curve(stack, job, "val_loss") == curve(stack, undisturbed, "val_loss")
    assert curve(stack, job, "lr") == curve(stack, undisturbed, "lr")
    samples = [one.path for one in stack.client.outputs(job)]
    assert samples == ["samples/step-000012.txt", "samples/step-000024.txt"]


def steps_done(stack: Stack, job: str) -> int:
    progress = stack.client.job(job).progress
    return progress.step if progress else 0


ALONE = [sys.executable]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.parametrize(
    "begin", [ALONE, pytest.param(TORCHRUN, marks=pytest.mark.slow)], ids=["python", "torchrun"]
)
def test_it_runs_without_a_job_too(tmp_path: Path, begin: list[str]) -> None:
    done = subprocess.run(
        [*begin, str(JOB / "train.py"), *SMALL.split()],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"step {STEPS}/{STEPS}: loss ")
    assert last.endswith(" bits per character")
    sample = (tmp_path / "samples" / f"step-{STEPS:06d}.txt").read_text()
    assert sample.startswith("def ")
    assert len(sample) >= len("def ") + 20 + 1  # an indentation is one character of the model
    assert (tmp_path / "checkpoints" / f"step-{STEPS:010d}" / "state.pt").exists()
