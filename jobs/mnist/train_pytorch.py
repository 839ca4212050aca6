"""MNIST with a 784-128-10 network in PyTorch, alone or by DistributedDataParallel.

python train_pytorch.py --data ~/mnist
torchrun --nproc-per-node 2 train_pytorch.py --data ~/mnist
"""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path

import torch
import torch.distributed as dist
from mnist import Part, find, part_of, words
from sklearn.metrics import classification_report
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RANK = int(os.environ.get("RANK", "0"))
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))


def load(path: Path) -> tuple[Part, Part]:
    """The files there, else what torchvision downloads to it."""
    found = find(path)
    if found is not None:
        return found
    try:
        from torchvision.datasets import MNIST

        parts = [MNIST(str(path), train=train, download=True) for train in (True, False)]
    except (ImportError, OSError, RuntimeError) as error:
        raise SystemExit(words(path, error)) from error
    training, test = (part_of(part.data.numpy(), part.targets.numpy()) for part in parts)
    return training, test


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def train(args: argparse.Namespace, device: torch.device) -> None:
    training, test = load(args.data)
    data = TensorDataset(*map(torch.from_numpy, training))
    sampler = DistributedSampler(data, WORLD_SIZE, RANK, seed=args.seed, drop_last=True)
    loader = DataLoader(data, args.batch_size // WORLD_SIZE, sampler=sampler, drop_last=True)
    model = make_model().to(device)
    replica = DistributedDataParallel(model) if dist.is_initialized() else model
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(1, args.epochs + 1):
        sampler.set_epoch(epoch)
        for images, labels in loader:
            loss = functional.cross_entropy(replica(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if RANK == 0:
            print(f"epoch {epoch}/{args.epochs} - loss: {loss.item():.4f}", flush=True)
    if RANK == 0:
        torch.save(model.state_dict(), "model.pt")
        evaluate(test)


@torch.no_grad()
def evaluate(test: Part) -> None:
    """Judge the model as it was saved."""
    model = make_model()
    model.load_state_dict(torch.load("model.pt", map_location="cpu", weights_only=True))
    predicted = model.eval()(torch.from_numpy(test.images)).argmax(1).numpy()
    print(classification_report(test.labels, predicted, digits=3))
    print(f"test_accuracy: {(predicted == test.labels).mean():.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="784-128-10 on MNIST, in PyTorch")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of IDX files, npz")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128, help="of all processes together")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if WORLD_SIZE > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    train(args, device)
    if dist.is_initialized():
        gc.collect()  # torch's gloo may abort at exit while something refers to the group
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
