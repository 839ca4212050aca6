"""Data parallel JAX over processes, each with its part of the batch."""

# ruff: noqa: E402 - its imports are measured too

import time

BEGUN = time.time()

import os

import jax
import numpy as np
from jax import Array, nn, numpy
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from steps import BATCH, CLASSES, LAYERS, WIDTH, steps


def main() -> None:
    processes = int(os.environ["JAX_NUM_PROCESSES"])
    jax.distributed.initialize(None, processes, int(os.environ["JAX_PROCESS_ID"]))
    mesh = Mesh(np.array(jax.devices()), ("data",))
    split, whole = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())

    def loss_of(weights: list[Array], images: Array, labels: Array) -> Array:
        for weight in weights[:-1]:
            images = nn.relu(images @ weight)
        log_p = nn.log_softmax(images @ weights[-1])
        return -numpy.take_along_axis(log_p, labels[:, None], axis=1).mean()

    @jax.jit
    def step(weights: list[Array], images: Array, labels: Array) -> tuple[list[Array], Array]:
        loss, gradients = jax.value_and_grad(loss_of)(weights, images, labels)
        return [w - 0.01 * g for w, g in zip(weights, gradients, strict=True)], loss

    chance = np.random.default_rng(0)
    numbers = [chance.normal(0, 0.05, shape).astype("float32") for shape in LAYERS]
    weights = [jax.device_put(values, whole) for values in numbers]
    images, labels = (
        jax.make_array_from_process_local_data(split, values)
        for values in (
            chance.normal(size=(BATCH, WIDTH)).astype("float32"),
            chance.integers(CLASSES, size=BATCH),
        )
    )
    for _ in steps(BEGUN):
        weights, loss = step(weights, images, labels)
        loss.block_until_ready()


if __name__ == "__main__":
    main()
