"""Digits in Keras 3: one program for TensorFlow, PyTorch and JAX, as KERAS_BACKEND says.

    KERAS_BACKEND=torch python train_keras.py
    KERAS_BACKEND=torch torchrun --nproc-per-node 2 train_keras.py       jax likewise
    KERAS_BACKEND=tensorflow python train_keras.py --cpu-replicas 2      one process, all its GPUs

The four lines with launcher in them are what several processes, and going on after a crash, take.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
from digits import CLASSES, SIDE, Part, epoch_of, judge, load

from launcher import rank, world_size
from launcher.train.keras import Callback, distribute, shard

MODEL = Path("model.keras")


class Batches(keras.utils.PyDataset):
    """This worker's part of an epoch's batches; every epoch other images are moved by a pixel."""

    def __init__(self, part: Part, batch_size: int, seed: int) -> None:
        super().__init__()
        self.part, self.batch_size, self.seed = part, batch_size, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.now = epoch_of(self.part, self.seed, epoch)

    def on_epoch_end(self) -> None:
        self.set_epoch(self.epoch + 1)

    def __len__(self) -> int:
        return len(self.part.labels) // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = slice(index * self.batch_size + rank(), (index + 1) * self.batch_size, world_size())
        return self.now.images[batch], self.now.labels[batch]


def make_model(lr: float) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(lr),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def split_cpu(replicas: int) -> None:
    """Make several devices of the CPU, for TensorFlow on a machine without a GPU."""
    import tensorflow as tf

    if replicas > 1 and not tf.config.list_physical_devices("GPU"):
        parts = [tf.config.LogicalDeviceConfiguration()] * replicas
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)


def train(args: argparse.Namespace) -> None:
    digits = load()
    batches = Batches(digits.training, args.batch_size, args.seed)
    model = distribute(lambda: make_model(args.lr))
    model.fit(
        batches,
        epochs=args.epochs,
        validation_data=shard(*digits.validation),
        callbacks=[
            keras.callbacks.EarlyStopping(patience=args.patience, restore_best_weights=True),
            Callback(),
        ],
        verbose=2 if rank() == 0 else 0,
    )
    keras.distribution.set_distribution(None)  # from here on one worker works alone
    if rank() == 0:
        model.save(MODEL)
        images, labels = digits.test
        accuracy = judge(labels, predict(images))
        print(f"test_accuracy: {accuracy:.4f}", flush=True)


def predict(images: np.ndarray) -> np.ndarray:
    """What the saved model takes the images for."""
    return keras.models.load_model(MODEL).predict(images, verbose=0).argmax(axis=1)


def main() -> None:
    args = parse_arguments()
    keras.utils.set_random_seed(args.seed)
    if keras.backend.backend() == "tensorflow":
        split_cpu(args.cpu_replicas)
    train(args)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="64-128-10 on scikit-learn's digits, in Keras")
    parser.add_argument("--epochs", type=int, default=40, help="at most")
    parser.add_argument("--batch-size", type=int, default=64, help="of all workers together")
    parser.add_argument("--lr", type=float, default=8e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better loss")
    parser.add_argument(
        "--cpu-replicas", type=int, default=1, help="of one TensorFlow process without a GPU"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
