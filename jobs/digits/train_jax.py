"""Digits in JAX: data parallel over all devices of all processes, with nothing beside JAX.

    python train_jax.py                                              all devices of one process
    JAX_COORDINATOR_ADDRESS=host:port JAX_NUM_PROCESSES=2 JAX_PROCESS_ID=0 python train_jax.py

Saves `state.npz` after every epoch and goes on from it when it is there.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from digits import CLASSES, SIDE, Part, epoch_of, judge, load
from jax.example_libraries import optimizers
from jax.sharding import Mesh, NamedSharding, PartitionSpec

STATE = Path("state.npz")
MODEL = Path("model.npz")
LAYERS = ((SIDE * SIDE, 128), (128, CLASSES))
Parameters = list[tuple[jax.Array, jax.Array]]


def join() -> None:
    """Make one JAX of all processes, if there are several; on CPUs they talk by gloo."""
    if "JAX_COORDINATOR_ADDRESS" in os.environ:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            num_processes=int(os.environ["JAX_NUM_PROCESSES"]),
            process_id=int(os.environ["JAX_PROCESS_ID"]),
        )


def make_parameters(seed: int) -> Parameters:
    keys = jax.random.split(jax.random.key(seed), len(LAYERS))
    initialize = jax.nn.initializers.he_normal()
    return [
        (initialize(key, shape), jnp.zeros(shape[1]))
        for key, shape in zip(keys, LAYERS, strict=True)
    ]


def apply(parameters: Parameters, images: jax.Array) -> jax.Array:
    """Logits, `(n, 10)`, of images, `(n, 8, 8)`."""
    (w1, b1), (w2, b2) = parameters
    return jax.nn.relu(images.reshape(len(images), -1) @ w1 + b1) @ w2 + b2


def loss_of(parameters: Parameters, images: jax.Array, labels: jax.Array) -> jax.Array:
    log_p = jax.nn.log_softmax(apply(parameters, images))
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()


class Trainer:
    """Owns the mesh of devices, the state of the optimizer with the weights, and its file."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.digits = load()
        mesh = Mesh(np.array(jax.devices()), ("data",))
        self.split = NamedSharding(mesh, PartitionSpec("data"))
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self.epoch = self.best_epoch = 0
        self.best_loss = float("inf")
        start, self.update, self.weights_in = optimizers.adam(args.lr)
        state = start(make_parameters(args.seed))
        if STATE.exists():
            state = self.load(state)
        self.state = jax.device_put(state, self.everywhere)
        # The mean over a batch that lies on all devices makes XLA reduce the gradients over them.
        self.step = jax.jit(self.make_step(), donate_argnums=1)

    def make_step(self) -> Any:
        def step(count: int, state: Any, images: jax.Array, labels: jax.Array) -> Any:
            loss, gradients = jax.value_and_grad(loss_of)(self.weights_in(state), images, labels)
            return self.update(count, gradients, state), loss

        return step

    def train(self) -> None:
        while self.epoch < self.args.epochs:
            loss = self.run_epoch()
            val_loss, val_accuracy = self.validate()
            self.epoch += 1
            say(
                f"epoch {self.epoch}/{self.args.epochs} - loss: {loss:.4f}"
                f" - val_loss: {val_loss:.4f} - val_accuracy: {val_accuracy:.4f}"
            )
            if val_loss < self.best_loss:
                self.best_loss, self.best_epoch = val_loss, self.epoch
                save(MODEL, jax.tree.leaves(self.weights()))
            position = np.array([self.epoch, self.best_epoch, self.best_loss])
            save(STATE, [position, *jax.tree.leaves(jax.device_get(self.state))])
            if self.epoch - self.best_epoch >= self.args.patience:
                say(f"no better since epoch {self.best_epoch}: stopped")
                return

    def run_epoch(self) -> float:
        """Mean loss of all batches."""
        images, labels = epoch_of(self.digits.training, self.args.seed, self.epoch)
        size = self.args.batch_size
        steps = len(labels) // size
        losses = []
        for step in range(steps):
            batch = Part(images[step * size :][:size], labels[step * size :][:size])
            count = self.epoch * steps + step
            self.state, loss = self.step(count, self.state, *self.on_devices(batch))
            losses.append(loss)
        return float(np.mean(jax.device_get(losses)))

    def on_devices(self, batch: Part) -> list[jax.Array]:
        """This process's share of the batch, as part of arrays that lie on all devices."""
        share = slice(jax.process_index(), None, jax.process_count())
        place = jax.make_array_from_process_local_data
        return [place(self.split, np.ascontiguousarray(values[share])) for values in batch]

    def weights(self) -> Parameters:
        return jax.device_get(self.weights_in(self.state))

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy; every process has the same weights and data, and finds the same."""
        weights, (images, labels) = self.weights(), self.digits.validation
        correct = apply(weights, images).argmax(axis=1) == labels
        return float(loss_of(weights, images, labels)), float(correct.mean())

    def load(self, state: Any) -> Any:
        position, *leaves = read(STATE)
        self.epoch, self.best_epoch, self.best_loss = (
            int(position[0]),
            int(position[1]),
            position[2],
        )
        say(f"goes on after epoch {self.epoch}")
        return jax.tree.unflatten(jax.tree.structure(state), leaves)


def predict(images: np.ndarray) -> np.ndarray:
    """What the saved model takes the images for."""
    w1, b1, w2, b2 = read(MODEL)
    return np.asarray(apply([(w1, b1), (w2, b2)], images).argmax(axis=1))


def save(file: Path, arrays: list[Any]) -> None:
    """By one process, and whole or not at all."""
    if jax.process_index() == 0:
        new = file.with_suffix(".new.npz")
        np.savez(new, *arrays)
        new.replace(file)


def read(file: Path) -> list[np.ndarray]:
    with np.load(file) as arrays:
        return [arrays[f"arr_{index}"] for index in range(len(arrays.files))]


def say(text: str) -> None:
    if jax.process_index() == 0:
        print(text, flush=True)


def main() -> None:
    args = parse_arguments()
    join()
    trainer = Trainer(args)
    trainer.train()
    if jax.process_index() == 0:
        images, labels = trainer.digits.test
        accuracy = judge(labels, predict(images))
        print(f"test_accuracy: {accuracy:.4f}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="64-128-10 on scikit-learn's digits, in JAX")
    parser.add_argument("--epochs", type=int, default=40, help="at most")
    parser.add_argument("--batch-size", type=int, default=64, help="of all processes together")
    parser.add_argument("--lr", type=float, default=8e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better loss")
    return parser.parse_args()


if __name__ == "__main__":
    main()
