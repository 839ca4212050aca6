"""Trains by itself and saves by itself, as programs do that know nothing of launcher.

It saves when it begins, and whenever it was asleep.
"""

from __future__ import annotations

import os
import sys
import time
import zipfile

import torch
from marks import Marks

ASLEEP_S = 1.0
MARKED_STEPS = 10
SIZE = 1 << 26


def main(folder: str) -> None:
    marks = Marks(folder)
    torch.set_num_threads(1)
    weights = torch.rand(384, 384)
    block = os.urandom(SIZE)
    save(block)
    seen = time.monotonic()
    while True:
        for _ in range(MARKED_STEPS):
            weights = torch.tanh(weights @ weights)
        marks.add("steps")
        now = time.monotonic()
        if now - seen > ASLEEP_S:
            save(block)
        seen = time.monotonic()


def save(block: bytes) -> None:
    with zipfile.ZipFile("snapshot.pt", "w") as archive:
        archive.writestr("weights", os.urandom(64) + block)


if __name__ == "__main__":
    main(sys.argv[1])
