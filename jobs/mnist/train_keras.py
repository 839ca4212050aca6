"""MNIST with a 784-128-10 network in Keras 3, alone or in several workers.

KERAS_BACKEND=jax python train_keras.py --data ~/mnist
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
from mnist import Part, find, part_of, words
from sklearn.metrics import classification_report

from launcher import rank, world_size
from launcher.train.keras import distribute, shard


def load(path: Path) -> tuple[Part, Part]:
    """The files there, else what Keras downloads."""
    found = find(path)
    if found is not None:
        return found
    try:
        training, test = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises a plain Exception when there is no network
        raise SystemExit(words(path, error)) from error
    return part_of(*training), part_of(*test)


def make_model(lr: float) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(lr),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def train(args: argparse.Namespace) -> None:
    training, test = load(args.data)
    steps = len(training.labels) // args.batch_size
    whole = Part(*(values[: steps * args.batch_size] for values in training))  # no last half batch
    model = distribute(lambda: make_model(args.lr))
    model.fit(
        *shard(*whole),
        batch_size=args.batch_size // world_size(),
        epochs=args.epochs,
        verbose=2 if rank() == 0 else 0,
    )
    keras.distribution.set_distribution(None)  # from here on one worker works alone
    if rank() == 0:
        model.save("model.keras")
        evaluate(test)


def evaluate(test: Part) -> None:
    """Judge the model as it was saved."""
    model = keras.models.load_model("model.keras")
    predicted = np.argmax(model.predict(test.images, verbose=0), axis=1)
    print(classification_report(test.labels, predicted, digits=3))
    print(f"test_accuracy: {(predicted == test.labels).mean():.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="784-128-10 on MNIST, in Keras")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of IDX files, npz")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128, help="of all workers together")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    train(args)


if __name__ == "__main__":
    main()
