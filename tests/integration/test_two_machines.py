"""A cluster of two machines, each with its own address and disk: nothing is shared but the network.

The program is in the style of public tutorials and knows nothing of launcher. It dies once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import two_machines
from remote import Remote
from stack import Stack
from two_machines import TwoMachines

PROGRAM = """
import os
import socket
import sys
import time

import torch
from torch.distributed import destroy_process_group, init_process_group
from torch.nn.parallel import DistributedDataParallel as DDP

init_process_group(backend="gloo")
rank = int(os.environ["RANK"])
points = torch.tensor([float(line) for line in open("data/points.txt")])
model = torch.nn.Linear(1, 1)
first = 0
if os.path.exists("snapshot.pt"):
    snapshot = torch.load("snapshot.pt")
    model.load_state_dict(snapshot["MODEL_STATE"])
    first = snapshot["EPOCHS_RUN"]
print(f"[RANK{rank}] on {socket.gethostname()}, from epoch {first}", flush=True)
ddp = DDP(model)
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
for epoch in range(first, 4):
    optimizer.zero_grad()
    loss = ((ddp(points[rank::2, None]) - 1) ** 2).mean()
    loss.backward()
    optimizer.step()
    print(f"[RANK{rank}] epoch {epoch}, weight {model.weight.item():.6f}", flush=True)
    if rank == 0 and epoch == 1:
        torch.save({"MODEL_STATE": model.state_dict(), "EPOCHS_RUN": 2}, "snapshot.pt")
    if first == 0 and epoch == 1:
        while not os.path.exists("data/saved"):  # the test says so when it was committed
            time.sleep(0.05)
        sys.exit(f"rank {rank} dies")
destroy_process_group()
"""

pytestmark = [
    pytest.mark.apart,
    pytest.mark.skipif(bool(two_machines.missing()), reason=two_machines.missing()),
]


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[TwoMachines]:
    with TwoMachines(tmp_path) as machines:
        yield machines


@pytest.fixture
def remote(machines: TwoMachines, tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "stack").mkdir()
    stack = Remote(tmp_path / "stack", machines)
    try:
        stack.start()
        yield stack
    finally:
        stack.end()


def test_a_tutorials_program_trains_on_two_machines_and_resumes_on_both(machines, remote):
    for number in range(2):
        (machines.tmp(number) / "data").mkdir()
        (machines.tmp(number) / "data/points.txt").write_text("0.5\n-1\n2\n1\n")
    job = remote.submit(
        PROGRAM,
        resources={"nodes": 2},
        links={"data": "/tmp/data"},
        checkpoints={"watch": ["snapshot.pt"]},
        retries=1,
    )
    remote.wait_for(job, lambda: remote.client.checkpoints(job), "the snapshot's commit")
    for number in range(2):
        (machines.tmp(number) / "data/saved").touch()
    view = remote.wait(job, "SUCCEEDED")
    assert [attempt.ending for attempt in view.attempts] == ["PROGRAM_FAILED", "FINISHED"]
    first, second = (printed(remote, job, attempt) for attempt in (1, 2))
    assert {host for host, _, _ in first} == {machines.name(0), machines.name(1)}
    assert [begin for _, begin, _ in (*first, *second)] == [0, 0, 2, 2]
    assert second[0][2] == second[1][2], "both ranks have the same weights"


def printed(stack: Stack, job: str, attempt: int) -> list[tuple[str, int, str]]:
    """(host, first epoch, last weight) of each rank."""
    found = []
    for rank in range(2):
        log = stack.log(job, rank, attempt).decode()
        begun = re.search(r"on (\S+), from epoch (\d+)", log)
        weights = re.findall(r"weight (\S+)", log)
        assert begun, log
        assert weights, log
        found.append((begun[1], int(begun[2]), weights[-1]))
    return found
