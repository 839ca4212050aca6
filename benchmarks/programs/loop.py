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
MARKED_STEPS = 10

Step = Callable[[], torch.Tensor]


def train(
    marks: Marks,
    *,
    steps: int = 0,
    pause_s: float = 0.0,
    endless: bool = False,
    tell: bool = False,
) -> None:
    """Make the first step, then as many as are asked for.

    Args:
        marks: get the moment of the first step.
        steps: further ones.
        pause_s: after each of `steps`.
        endless: go on until killed; of every `MARKED_STEPS` the marks get the moment.
        tell: call `launcher.report` after each step.
    """
    step = make_step()
    if tell:
        step = telling(step)
    step()
    marks.add("step")
    for _ in range(steps):
        step()
        time.sleep(pause_s)
    while endless:
        for _ in range(MARKED_STEPS):
            step()
        marks.add("steps")


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
