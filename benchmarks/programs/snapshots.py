"""Trains by itself and saves by itself, as programs do that know nothing of launcher.

Tells the time of its steps, those soon after each save apart: a commit of the saved file is on its
way then.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import zipfile
from pathlib import Path

import torch
from marks import Marks

SAVE_EVERY_S, SAVES = 6.0, 5
NEAR_S = 4.0
SIZE = 1 << 26


def main(folder: str) -> None:
    marks = Marks(folder)
    torch.set_num_threads(1)
    weights, near, far, saves = torch.rand(384, 384), [], [], []
    block = os.urandom(SIZE)
    marks.add("line")
    for _ in range(SAVES):
        begun = time.perf_counter()
        with zipfile.ZipFile("snapshot.pt", "w") as archive:
            archive.writestr("weights", os.urandom(64) + block)
        saved = time.perf_counter()
        saves.append(saved - begun)
        while (now := time.perf_counter()) - saved < SAVE_EVERY_S:
            weights = torch.tanh(weights @ weights)
            (near if now - saved < NEAR_S else far).append(time.perf_counter() - now)
    for name, values in (("near", near), ("far", far)):
        marks.add(f"{name} mean", statistics.mean(values) * 1e3)
    marks.add("steps", len(near) + len(far))
    marks.add("save", statistics.median(saves))
    Path("snapshot.pt").unlink()


if __name__ == "__main__":
    main(sys.argv[1])
