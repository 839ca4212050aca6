"""Fit a small network to a noisy sine, in one process or several, with a snapshot of its own.

Written for torchrun, as most programs are: it knows nothing of launcher. It takes its place from
torchrun's environment, saves `snapshot.pt` and goes on from it when it is there.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

SNAPSHOT = "snapshot.pt"


class Trainer:
    """Owns the model, the data of this rank, and the snapshot."""

    def __init__(self, data: TensorDataset, batch_size: int, device: torch.device) -> None:
        self.device = device
        self.epoch = 0
        model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        model.append(nn.Linear(64, 1))
        self.sampler = DistributedSampler(data)
        self.loader = DataLoader(data, batch_size=batch_size, sampler=self.sampler)
        self.model = DistributedDataParallel(model.to(device))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=3e-3)
        if Path(SNAPSHOT).exists():
            self.load()

    def load(self) -> None:
        snapshot = torch.load(SNAPSHOT, map_location=self.device, weights_only=True)
        self.model.module.load_state_dict(snapshot["model"])
        self.optimizer.load_state_dict(snapshot["optimizer"])
        self.epoch = snapshot["epoch"]
        say(f"goes on after epoch {self.epoch}")

    def save(self) -> None:
        state = {"model": self.model.module.state_dict(), "epoch": self.epoch}
        torch.save({**state, "optimizer": self.optimizer.state_dict()}, SNAPSHOT)

    def run_epoch(self) -> float:
        """Mean loss of this rank's part."""
        self.sampler.set_epoch(self.epoch)
        losses = []
        for x, y in self.loader:
            loss = nn.functional.mse_loss(self.model(x.to(self.device)), y.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        self.epoch += 1
        return sum(losses) / len(losses)

    def train(self, epochs: int, save_every: int, pause_s: float) -> None:
        while self.epoch < epochs:
            loss = self.run_epoch()
            say(f"epoch {self.epoch}/{epochs}: loss {loss:.4f}")
            if dist.get_rank() == 0 and self.epoch % save_every == 0:
                self.save()
            time.sleep(pause_s)


def noisy_sine(samples: int = 2048) -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(samples, 1, generator=generator) * 2 * math.pi
    return TensorDataset(x, torch.sin(x) + 0.05 * torch.randn(samples, 1, generator=generator))


def say(text: str) -> None:
    if dist.get_rank() == 0:
        print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--save-every", type=int, default=1, metavar="EPOCHS")
    parser.add_argument("--batch-size", type=int, default=64, help="samples per process and step")
    parser.add_argument(
        "--epoch-pause", type=float, default=0.0, metavar="SECONDS", help="pretend to be larger"
    )
    args = parser.parse_args()
    torch.manual_seed(0)
    cuda = torch.cuda.is_available()
    dist.init_process_group("nccl" if cuda else "gloo")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    trainer = Trainer(noisy_sine(), args.batch_size, device)
    trainer.train(args.epochs, args.save_every, args.epoch_pause)
    del trainer  # with gloo an interpreter that still holds the model may abort while it leaves
    gc.collect()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
