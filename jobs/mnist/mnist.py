"""MNIST from files that are there: the four IDX files, packed or not, or Keras's mnist.npz."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

_NAMES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_FOLDERS = (".", "raw", "MNIST/raw")
"""The last is where torchvision keeps them."""
_UNSIGNED_BYTES = 8
"""The only type of numbers in MNIST's files; IDX knows more."""


class Part(NamedTuple):
    """Images, float32 `(n, 784)` from 0 to 1, and which digit each is, int64 `(n,)`."""

    images: np.ndarray
    labels: np.ndarray


def part_of(images: np.ndarray, labels: np.ndarray) -> Part:
    """Of images `(n, 28, 28)` in bytes, as every source of MNIST has them."""
    flat = np.asarray(images).reshape(len(images), -1)
    return Part((flat / 255).astype("float32"), np.asarray(labels).astype("int64"))


def find(path: Path) -> tuple[Part, Part] | None:
    """What to train on and what to judge by; None where there is no MNIST."""
    archive = path / "mnist.npz" if path.is_dir() else path
    if archive.suffix == ".npz" and archive.is_file():
        with np.load(archive) as arrays:
            training = part_of(arrays["x_train"], arrays["y_train"])
            return training, part_of(arrays["x_test"], arrays["y_test"])
    files = [_file(path, name) for name in _NAMES]
    if None in files:
        return None
    x, y, test_x, test_y = (read_idx(file) for file in files if file)
    return part_of(x, y), part_of(test_x, test_y)


def words(path: Path, error: object) -> str:
    """What is missing, and what to do about it."""
    return (
        f"no MNIST at {path.resolve()} (neither mnist.npz nor the four IDX files, as"
        f" train-images-idx3-ubyte.gz), and it could not be downloaded: {error}; give --data PATH,"
        " or write links: {data: /path/to/mnist} in the spec"
    )


def read_idx(file: Path) -> np.ndarray:
    """An array of bytes in the shape that the file's head tells."""
    data = file.read_bytes()
    if file.suffix == ".gz":
        data = gzip.decompress(data)
    kind, dimensions = data[2:4] if data[:2] == b"\0\0" and len(data) > 3 else (0, 0)
    shape = np.frombuffer(data, ">u4", dimensions, offset=4).tolist() if dimensions else []
    head = 4 + 4 * dimensions
    if kind != _UNSIGNED_BYTES or len(data) != head + math.prod(shape):
        raise SystemExit(f"{file} is no whole IDX file of bytes")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def _file(path: Path, name: str) -> Path | None:
    kind = "idx3" if name.endswith("images") else "idx1"
    endings = (f"-{kind}-ubyte", f".{kind}-ubyte", f"-{kind}-ubyte.gz", f".{kind}-ubyte.gz")
    candidates = (path / folder / f"{name}{end}" for folder in _FOLDERS for end in endings)
    return next((file for file in candidates if file.is_file()), None)
