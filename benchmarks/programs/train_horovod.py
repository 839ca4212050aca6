"""A training loop of PyTorch with Horovod."""

# ruff: noqa: E402 - its imports are measured too

import time

BEGUN = time.time()

import horovod.torch as hvd
import torch
from steps import BATCH, CLASSES, WIDTH, steps
from torch import nn


def main() -> None:
    hvd.init()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, CLASSES),
    )
    plain = torch.optim.SGD(model.parameters(), lr=0.01)
    optimizer = hvd.DistributedOptimizer(plain, model.named_parameters())
    hvd.broadcast_parameters(model.state_dict(), root_rank=0)
    images, labels = torch.randn(BATCH, WIDTH), torch.randint(CLASSES, (BATCH,))
    for _ in steps(BEGUN):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
