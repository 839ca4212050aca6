"""jobs/pytorch-digits as its reader runs it: alone, under torchrun, and as launcher starts it.

Each run costs 5 to 10 s. Together they show that the example learns, that all three ways train the
same, and that a run which was stopped in mid-epoch and resumed ends with the same weights.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from launcher.frameworks import load
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch
from launcher.train.stopping import COMMITTED

PROGRAM = Path(__file__).parents[2] / "jobs" / "pytorch-digits" / "train.py"
EPOCHS = 10
STEPS_PER_EPOCH = 23  # of 64 images, whatever the number of workers
STOP_AT = 100  # in the middle of an epoch


def node_environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **more}


def run_as_its_author_does(workers: int, folder: Path, **environment: str) -> str:
    """The output of the whole training; alone for one worker, else by torchrun."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
    command = [sys.executable, *(torchrun if workers > 1 else []), str(PROGRAM)]
    folder.mkdir()
    done = subprocess.run(
        [*command, "--epochs", str(EPOCHS)],
        cwd=folder,
        env=node_environment(**environment),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_as_launcher_does(workers: int, folder: Path) -> list[str]:
    """The output of each rank of a job that is told to stop at step STOP_AT."""
    entrypoint = Entrypoint("script", (str(PROGRAM), "--epochs", str(EPOCHS)))
    launch = Launch("digits-k3m9ap", "digits", "pytorch", entrypoint, workers)
    node = GangNode(0, "127.0.0.1", workers, (), "lo")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gang = Gang(launch.job_id, 1, (node,), port)
    framework = load("pytorch")
    ranks = []
    try:
        for rank in gang.ranks():
            spool = folder / f"rank-{rank.rank}.spool"
            Path(f"{spool}.stop").write_bytes(struct.pack("<4q", 0, STOP_AT, COMMITTED, 0))
            own = {
                "LAUNCHER_JOB_ID": gang.job_id,
                "LAUNCHER_SPOOL": str(spool),
                "LAUNCHER_CHECKPOINT_DIR": str(folder / "saved"),
                **framework.environment(launch, gang, rank),
            }
            command = framework.argv(launch, sys.executable)
            ranks.append(
                subprocess.Popen(
                    command, env=node_environment(**own), stdout=subprocess.PIPE, text=True
                )
            )
        outputs = [rank.communicate(timeout=600)[0] for rank in ranks]
        assert [rank.returncode for rank in ranks] == [0] * workers
        return outputs
    finally:
        for process in ranks:
            process.kill()
            process.wait()


def final_weights(checkpoints: Path) -> dict[str, torch.Tensor]:
    last = checkpoints / f"step-{EPOCHS * STEPS_PER_EPOCH:010d}"
    state = torch.load(last / "state.pt", weights_only=True)
    weights: dict[str, torch.Tensor] = state["model"]
    return weights


@pytest.mark.slow  # tests/integration/test_torch.py has the quick form
@pytest.mark.parametrize("workers", [1, 2])
def test_it_learns_and_a_stopped_and_resumed_run_ends_with_the_same_weights(
    workers: int, tmp_path: Path
) -> None:
    whole = run_as_its_author_does(workers, tmp_path / "whole")
    total_steps = EPOCHS * STEPS_PER_EPOCH
    last = re.fullmatch(rf"test accuracy (\S+)% after {total_steps} steps", whole.splitlines()[-1])
    assert last is not None
    assert float(last[1]) >= 96
    assert len(whole.splitlines()) == EPOCHS + 1  # one rank speaks, not all

    job = tmp_path / "job"
    job.mkdir()
    first, *others = run_as_launcher_does(workers, job)
    assert first.splitlines()[-1] == f"stopped after step {STOP_AT} of {total_steps}"
    assert others == [""] * (workers - 1)
    assert_reported(job, workers)

    stopped = job / "saved" / f"step-{STOP_AT:010d}"
    rest = run_as_its_author_does(workers, tmp_path / "rest", LAUNCHER_RESUME_FROM=str(stopped))
    assert rest.splitlines()[0] == f"resumed after step {STOP_AT}"
    expected = final_weights(tmp_path / "whole" / "checkpoints")
    found = final_weights(tmp_path / "rest" / "checkpoints")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def assert_reported(job: Path, workers: int) -> None:
    """Every rank reported its steps; rank 0 told of a checkpoint an epoch and that of the stop."""
    epochs_done = STOP_AT // STEPS_PER_EPOCH
    for rank in range(workers):
        lines = (job / f"rank-{rank}.spool").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        losses = [record for record in records if "loss" in record.get("m", ())]
        assert [record["step"] for record in losses] == list(range(1, STOP_AT + 1))
        assert {record["n"] for record in losses} == {EPOCHS * STEPS_PER_EPOCH}
        saved = [record["step"] for record in records if record["k"] == "c"]
        by_epoch = [STEPS_PER_EPOCH * (epoch + 1) for epoch in range(epochs_done)]
        assert saved == ([*by_epoch, STOP_AT] if rank == 0 else [])
