"""The binary classifier as it is often printed, in the three forms that do not work.

    --form bce            BCELoss on what the last layer gives, which is no probability: it crashes
    --form cross-entropy  CrossEntropyLoss with a column of whole numbers as targets: it crashes
    --form silent         the same column as floats: no crash, a loss of 0, and nothing is learned

`train_pytorch.py` is the right one.
"""

from __future__ import annotations

import argparse

import torch
from samples import FEATURES, load
from torch import nn

FORMS = {
    "bce": (nn.BCELoss(), torch.float32),
    "cross-entropy": (nn.CrossEntropyLoss(), torch.int64),
    "silent": (nn.CrossEntropyLoss(), torch.float32),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--form", choices=FORMS, default="bce")
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(0)
    criterion, kind = FORMS[args.form]

    training, _ = load()
    x, y = torch.from_numpy(training.x), torch.from_numpy(training.y)[:, None].to(kind)
    model = nn.Sequential(nn.Linear(FEATURES, 10), nn.ReLU(), nn.Linear(10, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(1, args.epochs + 1):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch}/{args.epochs} - loss: {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
