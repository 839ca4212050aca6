"""The data of all programs here: scikit-learn's 1,797 handwritten digits, and how one is judged.

The images come with scikit-learn: no network is needed. Nothing in this file knows a framework.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

CLASSES = 10
SIDE = 8
REPORT = Path("report.json")


class Part(NamedTuple):
    """Images, float32 `(n, 8, 8)` from 0 to 1, and which digit each is, int64 `(n,)`."""

    images: np.ndarray
    labels: np.ndarray


class Digits(NamedTuple):
    training: Part
    validation: Part
    """Says when to stop, and which epoch was best."""
    test: Part
    """Is looked at once, at the end."""


def load() -> Digits:
    """The same three parts in every process: 1,293 images, 144 and 360."""
    data = load_digits()
    images, labels = (data.images / 16).astype("float32"), data.target.astype("int64")
    x, test_x, y, test_y = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    x, val_x, y, val_y = train_test_split(x, y, test_size=0.1, random_state=0, stratify=y)
    return Digits(Part(x, y), Part(val_x, val_y), Part(test_x, test_y))


def shifted(images: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Every second image moved by up to a pixel, others every epoch; what comes in is empty.

    It is the same in every process, and whatever their number.
    """
    randomness = np.random.default_rng((seed, epoch))
    offsets = randomness.integers(3, size=(2, len(images)))
    offsets[:, randomness.random(len(images)) < 0.5] = 1
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))
    return views[np.arange(len(images)), offsets[0], offsets[1]]


def epoch_of(part: Part, seed: int, epoch: int) -> Part:
    """All of a part in this epoch's order, its images shifted."""
    order = np.random.default_rng((seed, epoch, 1)).permutation(len(part.labels))
    return Part(shifted(part.images, seed, epoch)[order], part.labels[order])


def judge(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Print precision, recall and F1 of every digit, write them to report.json; the accuracy."""
    print(classification_report(labels, predicted, digits=3), flush=True)
    report = classification_report(labels, predicted, output_dict=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return float(report["accuracy"])
