"""Teach a network the digits 0 to 4; let it begin from that with 5 to 9, its first layers frozen.

    launcher run base.yaml
    launcher run fine-tune.yaml --from last

Whatever checkpoint launcher hands over, the program sees by its digits what it is: its own, to go
on from, or another job's, of which it takes the layers that look at images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from launcher import checkpoint, rank, report, resume_from, should_stop, world_size
from launcher.train.pytorch import process_group

KINDS = 5


class Network(nn.Module):
    """Two convolutions that look, and two layers that judge."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, KINDS))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


class Trainer:
    """Owns the network, the digits it learns, and how many epochs are done."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        self.args, self.device = args, device
        self.training, self.test = load_data(args.first_digit, device)
        self.model = Network().to(device)
        self.epoch = 0
        state = self.state_to_begin_with()
        self.is_tuning = args.freeze
        if self.is_tuning:
            self.model.features.requires_grad_(requires_grad=False)
        learning = [one for one in self.model.parameters() if one.requires_grad]
        self.optimizer = torch.optim.Adam(learning, lr=args.lr)
        if state is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        together = torch.distributed.is_initialized()
        self.replica = DistributedDataParallel(self.model) if together else self.model
        say(f"{sum(one.numel() for one in learning)} weights learn")

    def state_to_begin_with(self) -> dict | None:
        """The checkpoint to go on from; of another job's only the features are taken."""
        folder = resume_from()
        if folder is None:
            if self.args.freeze:
                raise SystemExit("nothing to fine-tune: launcher run fine-tune.yaml --from JOB")
            return None
        state = torch.load(Path(folder, "state.pt"), map_location=self.device, weights_only=True)
        if state["first_digit"] == self.args.first_digit:
            self.model.load_state_dict(state["model"])
            self.epoch = state["epoch"]
            say(f"goes on after epoch {self.epoch}")
            return state
        prefix = "features."
        features = {k[len(prefix) :]: v for k, v in state["model"].items() if k.startswith(prefix)}
        self.model.features.load_state_dict(features)
        say(f"begins with the features of a network for {names(state['first_digit'])}")
        return None

    def train(self) -> None:
        args = self.args
        sampler = DistributedSampler(self.training, world_size(), rank(), seed=args.seed)
        loader = DataLoader(self.training, args.batch_size // world_size(), sampler=sampler)
        while self.epoch < args.epochs:
            sampler.set_epoch(self.epoch)
            for images, labels in loader:
                loss = functional.cross_entropy(self.replica(images), labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            self.epoch += 1
            accuracy = self.evaluate()
            report(step=self.epoch, total_steps=args.epochs, loss=loss, accuracy=accuracy)
            say(f"epoch {self.epoch}/{args.epochs}: loss {loss.item():.4f}, test {accuracy:.1%}")
            is_wanted = not should_stop()
            self.save(accuracy)
            if not is_wanted:
                return
        self.judge()

    @torch.no_grad()
    def evaluate(self) -> float:
        images, labels = self.test.tensors
        return (self.model(images).argmax(1) == labels).float().mean().item()

    @torch.no_grad()
    def judge(self) -> None:
        if rank() == 0:
            images, labels = self.test.tensors
            predicted = self.model(images).argmax(1) + self.args.first_digit
            labels = labels + self.args.first_digit
            print(classification_report(labels.cpu(), predicted.cpu(), digits=3), flush=True)

    def save(self, accuracy: float) -> None:
        state = {
            "first_digit": self.args.first_digit,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with checkpoint(self.epoch, {"accuracy": accuracy}) as folder:
            torch.save(state, folder / "state.pt")


def load_data(first_digit: int, device: torch.device) -> tuple[TensorDataset, TensorDataset]:
    """Images (N, 1, 8, 8) of five digits, and which of the five each is: to learn, and to test."""
    data = load_digits()
    chosen = (data.target >= first_digit) & (data.target < first_digit + KINDS)
    images = (data.images[chosen][:, None] / 16).astype("float32")
    labels = data.target[chosen] - first_digit
    x, test_x, y, test_y = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    learn = [torch.tensor(values, device=device) for values in (x, y)]
    test = [torch.tensor(values, device=device) for values in (test_x, test_y)]
    return TensorDataset(*learn), TensorDataset(*test)


def names(first_digit: int) -> str:
    return f"{first_digit} to {first_digit + KINDS - 1}"


def say(text: str) -> None:
    if rank() == 0:
        print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first-digit", type=int, choices=(0, KINDS), default=0)
    parser.add_argument("--freeze", action="store_true", help="only the last two layers learn")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64, help="of all processes together")
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    with process_group() as device:
        Trainer(args, device).train()


if __name__ == "__main__":
    main()
