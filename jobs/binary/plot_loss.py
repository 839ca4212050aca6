"""Train a 5-3-1 network for 1,000 epochs, each with all points at once, and draw its loss."""

from __future__ import annotations

import argparse

import matplotlib.pyplot as plt
import torch
from samples import FEATURES, judge, load
from torch import nn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=1e-2)
    args = parser.parse_args()
    torch.manual_seed(0)

    training, test = load()
    x, y = map(torch.from_numpy, training)
    model = nn.Sequential(nn.Linear(FEATURES, 3), nn.ReLU(), nn.Linear(3, 1))
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(training.weight_of_ones))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        loss = criterion(model(x)[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 100 == 0:
            print(f"epoch {epoch}/{args.epochs} - loss: {losses[-1]:.4f}", flush=True)

    plt.plot(range(1, args.epochs + 1), losses)
    plt.xlabel("epoch")
    plt.ylabel("loss")
    plt.yscale("log")
    plt.savefig("loss.png")
    with torch.no_grad():
        probabilities = model(torch.from_numpy(test.x))[:, 0].sigmoid().numpy()
    print(f"test_accuracy: {judge(test.y, probabilities):.4f}", flush=True)


if __name__ == "__main__":
    main()
