"""The training that is measured: a small network, DistributedDataParallel over gloo, on CPUs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from marks import Marks
from torch import nn
from torch.nn.parallel import DistributedDataParallel

BATCH, WIDTH, CLASSES = 32, 256, 10
WARM_UP_STEPS = 200

Step = Callable[[], torch.Tensor]


def train(
    marks: Marks, *, steps: int = 0, seconds: float = 0.0, pause_s: float = 0.0, tell: bool = False
) -> None:
    """Make the first step, then as many as are asked for.

    Args:
        marks: get the moment of the first step, and the rate in steps a second.
        steps: further ones.
        seconds: further ones, measured, as many as fill about this time.
        pause_s: after each of `steps`.
        tell: call `launcher.report` after each step.
    """
    step = make_step()
    if tell:
        step = telling(step)
    step()
    marks.add("step")
    if seconds:
        marks.add("rate", rate(step, seconds))
    for _ in range(steps):
        step()
        time.sleep(pause_s)


def make_step() -> Step:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, CLASSES),
    )
    replica = DistributedDataParallel(model) if dist.is_initialized() else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images, labels = torch.randn(BATCH, WIDTH), torch.randint(CLASSES, (BATCH,))

    def step() -> torch.Tensor:
        loss = nn.functional.cross_entropy(replica(images), labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        return loss

    return step


def telling(step: Step) -> Step:
    from launcher import report  # which Ray Train's environment need not have

    numbers = itertools.count(1)

    def both() -> torch.Tensor:
        loss = step()
        report(step=next(numbers), loss=loss)
        return loss

    return both


def rate(step: Step, seconds: float) -> float:
    """Steps a second; all ranks make as many as rank 0 thinks will fill the time."""
    begun = time.perf_counter()
    for _ in range(WARM_UP_STEPS):
        step()
    count = torch.tensor(int(seconds * WARM_UP_STEPS / (time.perf_counter() - begun)))
    if dist.is_initialized():
        dist.broadcast(count, 0)
    begun = time.perf_counter()
    for _ in range(int(count)):
        step()
    return int(count) / (time.perf_counter() - begun)
