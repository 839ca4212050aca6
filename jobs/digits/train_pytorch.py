"""Digits in PyTorch: DistributedDataParallel, as torchrun starts it; alone without.

    python train_pytorch.py
    torchrun --nproc-per-node 2 train_pytorch.py

Saves `snapshot.pt` after every epoch and goes on from it when it is there.
"""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path

import torch
import torch.distributed as dist
from digits import CLASSES, Part, judge, load, shifted
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler

SNAPSHOT = Path("snapshot.pt")
MODEL = Path("model.pt")
RANK = int(os.environ.get("RANK", "0"))
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Digits to train on; some are moved by a pixel, others every epoch."""

    def __init__(self, part: Part, seed: int) -> None:
        self.part, self.seed = part, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.images = torch.from_numpy(shifted(self.part.images, self.seed, epoch))
        self.labels = torch.from_numpy(self.part.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.labels[index]


def make_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, CLASSES))


class Trainer:
    """Owns the model, the data of this process, and the snapshot."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        self.args, self.device = args, device
        self.digits = load()
        self.images = Images(self.digits.training, args.seed)
        self.sampler = DistributedSampler(
            self.images, num_replicas=WORLD_SIZE, rank=RANK, seed=args.seed, drop_last=True
        )
        self.loader = DataLoader(
            self.images,
            batch_size=args.batch_size // WORLD_SIZE,
            sampler=self.sampler,
            drop_last=True,
        )
        self.model = make_model().to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=args.lr)
        self.epoch = self.best_epoch = 0
        self.best_loss = float("inf")
        if SNAPSHOT.exists():
            self.load()
        together = dist.is_initialized()
        self.replica = DistributedDataParallel(self.model) if together else self.model

    def train(self) -> None:
        while self.epoch < self.args.epochs:
            loss = self.run_epoch()
            val_loss, val_accuracy = self.validate()
            self.epoch += 1
            say(
                f"epoch {self.epoch}/{self.args.epochs} - loss: {loss:.4f}"
                f" - val_loss: {val_loss:.4f} - val_accuracy: {val_accuracy:.4f}"
            )
            if val_loss < self.best_loss:
                self.best_loss, self.best_epoch = val_loss, self.epoch
                save(self.model.state_dict(), MODEL)
            self.save()
            if self.epoch - self.best_epoch >= self.args.patience:
                say(f"no better since epoch {self.best_epoch}: stopped")
                return

    def run_epoch(self) -> float:
        """Mean loss of all processes' batches."""
        self.sampler.set_epoch(self.epoch)
        self.images.set_epoch(self.epoch)
        total = torch.zeros((), device=self.device)
        for images, labels in self.loader:
            logits = self.replica(images.to(self.device))
            loss = functional.cross_entropy(logits, labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        if dist.is_initialized():
            dist.all_reduce(total)
        return total.item() / len(self.loader) / WORLD_SIZE

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Loss and accuracy, the same numbers in every process: so all stop at the same epoch."""
        images, labels = (torch.from_numpy(x[RANK::WORLD_SIZE]) for x in self.digits.validation)
        logits, labels = self.model(images.to(self.device)), labels.to(self.device)
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        correct = (logits.argmax(1) == labels).sum()
        sums = torch.stack([loss, correct, torch.tensor(len(labels), device=self.device)])
        if dist.is_initialized():
            dist.all_reduce(sums)
        return (sums[0] / sums[2]).item(), (sums[1] / sums[2]).item()

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "position": (self.epoch, self.best_epoch, self.best_loss),
        }
        save(state, SNAPSHOT)

    def load(self) -> None:
        state = torch.load(SNAPSHOT, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.best_epoch, self.best_loss = state["position"]
        say(f"goes on after epoch {self.epoch}")


@torch.no_grad()
def predict(images: Tensor) -> Tensor:
    """What the saved model takes the images for."""
    model = make_model()
    model.load_state_dict(torch.load(MODEL, map_location="cpu", weights_only=True))
    return model.eval()(images).argmax(1)


def train(args: argparse.Namespace, device: torch.device) -> None:
    trainer = Trainer(args, device)
    trainer.train()
    if RANK == 0:
        images, labels = trainer.digits.test
        accuracy = judge(labels, predict(torch.from_numpy(images)).numpy())
        print(f"test_accuracy: {accuracy:.4f}", flush=True)


def save(state: object, file: Path) -> None:
    """By one process, and whole or not at all."""
    if RANK == 0:
        torch.save(state, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)


def say(text: str) -> None:
    if RANK == 0:
        print(text, flush=True)


def main() -> None:
    args = parse_arguments()
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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="64-128-10 on scikit-learn's digits, in PyTorch")
    parser.add_argument("--epochs", type=int, default=40, help="at most")
    parser.add_argument("--batch-size", type=int, default=64, help="of all processes together")
    parser.add_argument("--lr", type=float, default=8e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better loss")
    return parser.parse_args()


if __name__ == "__main__":
    main()
