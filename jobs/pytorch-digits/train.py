"""Train a small network on scikit-learn's handwritten digits, alone or in several processes.

An ordinary PyTorch program: `python train.py`, `torchrun --nproc-per-node 2 train.py` and
`launcher submit job.yaml` run it as it stands. From launcher it imports what makes it easy to
follow, to stop and to resume; a program that imports none of it is launched all the same.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from launcher import (
    checkpoint,
    per_worker_batch,
    rank,
    report,
    resume_from,
    should_stop,
    world_size,
)
from launcher.train.pytorch import process_group


def main() -> None:
    args = parse_arguments()
    torch.manual_seed(args.seed)
    with process_group() as device:
        train(args, device)


def train(args: argparse.Namespace, device: torch.device) -> None:
    training, test = (TensorDataset(*split) for split in load_data(device))
    sampler = DistributedSampler(
        training, num_replicas=world_size(), rank=rank(), seed=args.seed, drop_last=True
    )
    loader = DataLoader(training, batch_size=per_worker_batch(args.batch_size), sampler=sampler)
    model = make_model().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    # The number of steps done says where the training is: in which epoch, and how far in it.
    step = load(model, optimizer, device)
    replica = DistributedDataParallel(model) if torch.distributed.is_initialized() else model
    total_steps = args.epochs * len(loader)

    for epoch in range(step // len(loader), args.epochs):
        sampler.set_epoch(epoch)  # another order every epoch, and the same one after a resume
        done = step % len(loader)
        for batch, (images, labels) in enumerate(loader):
            if batch < done:
                continue
            loss = functional.cross_entropy(replica(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            report(step=step, total_steps=total_steps, loss=loss)
            time.sleep(args.step_pause)
            if should_stop():
                save(model, optimizer, step)
                say(f"stopped after step {step} of {total_steps}")
                return
        accuracy = evaluate(model, test)
        report(step=step, total_steps=total_steps, accuracy=accuracy)
        say(f"epoch {epoch + 1}/{args.epochs}: loss {loss.item():.4f}, accuracy {accuracy:.1%}")
        if (epoch + 1) % args.save_every == 0 or epoch + 1 == args.epochs:
            save(model, optimizer, step, accuracy=accuracy)
    say(f"test accuracy {evaluate(model, test):.1%} after {step} steps")


def make_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def load_data(device: torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Images (N, 1, 8, 8) in 0..1 and labels (N), of the training and of the test set."""
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype("float32")
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    pairs = ((train_x, train_y), (test_x, test_y))
    return [(torch.tensor(x, device=device), torch.tensor(y, device=device)) for x, y in pairs]


@torch.no_grad()
def evaluate(model: nn.Module, test: TensorDataset) -> float:
    """Share of the test images that are told right. Every rank has all of them: no collective."""
    images, labels = test.tensors
    return (model(images).argmax(1) == labels).float().mean().item()


def save(model: nn.Module, optimizer: torch.optim.Optimizer, step: int, **metrics: float) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    with checkpoint(step, metrics) as folder:
        torch.save(state, folder / "state.pt")


def load(model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> int:
    """Take up the checkpoint that launcher chose, if any; the steps that are done already."""
    folder = resume_from()
    if folder is None:
        return 0
    state = torch.load(Path(folder, "state.pt"), map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    say(f"resumed after step {state['step']}")
    return int(state["step"])


def say(text: str) -> None:
    if rank() == 0:
        print(text, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--batch-size", type=int, default=64, help="images per step, of all processes"
    )
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=1, metavar="EPOCHS")
    parser.add_argument(
        "--step-pause", type=float, default=0.0, metavar="SECONDS", help="pretend to be larger"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
