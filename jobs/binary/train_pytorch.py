"""Tell two kinds of points apart with a 5-10-1 network, in PyTorch.

    python train_pytorch.py
    torchrun --nproc-per-node 2 train_pytorch.py

The last layer gives any number, and BCEWithLogitsLoss takes any number: `wrong.py` shows what
becomes of BCELoss in its place.
"""

from __future__ import annotations

import argparse
import gc
import os

import torch
import torch.distributed as dist
from samples import FEATURES, Part, judge, load
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

RANK = int(os.environ.get("RANK", "0"))
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(FEATURES, 10)
        self.output = nn.Linear(10, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(x)))[:, 0]


def train(args: argparse.Namespace, device: torch.device) -> None:
    training, test = load()
    data = TensorDataset(*map(torch.from_numpy, training))
    sampler = DistributedSampler(data, WORLD_SIZE, RANK, seed=args.seed, drop_last=True)
    loader = DataLoader(data, args.batch_size // WORLD_SIZE, sampler=sampler, drop_last=True)
    model = Classifier().to(device)
    replica = DistributedDataParallel(model) if dist.is_initialized() else model
    ones = torch.tensor(training.weight_of_ones, device=device)  # there are four times fewer
    criterion = nn.BCEWithLogitsLoss(pos_weight=ones)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(1, args.epochs + 1):
        sampler.set_epoch(epoch)
        for x, y in loader:
            loss = criterion(replica(x.to(device)), y.to(device))
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
    model = Classifier()
    model.load_state_dict(torch.load("model.pt", map_location="cpu", weights_only=True))
    probabilities = model.eval()(torch.from_numpy(test.x)).sigmoid().numpy()
    print(f"test_accuracy: {judge(test.y, probabilities):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="a 5-10-1 binary classifier in PyTorch")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64, help="of all processes together")
    parser.add_argument("--lr", type=float, default=1e-2)
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
