"""The data of all programs here: two kinds of points with five numbers each, made on the spot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

FEATURES = 5


class Part(NamedTuple):
    """Points, float32 `(n, 5)`, and their kind, float32 `(n,)`: 1 for one in five of them, or 0."""

    x: np.ndarray
    y: np.ndarray

    @property
    def weight_of_ones(self) -> float:
        """How much more a 1 must count than a 0, that both kinds count alike."""
        return float((len(self.y) - self.y.sum()) / self.y.sum())


def load() -> tuple[Part, Part]:
    """1,600 points to train on and 400 to judge by; the same in every process."""
    x, y = make_classification(
        n_samples=2000,
        n_features=FEATURES,
        n_informative=FEATURES,
        n_redundant=0,
        weights=[0.8],
        class_sep=2.0,
        flip_y=0.0,
        random_state=0,
    )
    x, y = x.astype("float32"), y.astype("float32")
    x, test_x, y, test_y = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    return Part(x, y), Part(test_x, test_y)


def judge(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Print precision, recall and F1 of both kinds; the accuracy."""
    predicted = probabilities > 0.5
    print(classification_report(y, predicted, digits=3), flush=True)
    return float((predicted == y).mean())
