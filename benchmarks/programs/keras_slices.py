"""One Keras model trained in turn by its own `fit` through `distribute`, and by a loop over DDP.

Both in the same processes, slices of some seconds, so that they meet the same machine. The last
line of rank 0 is JSON: steps a second of each slice.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from launcher import rank
from launcher.train.keras import Callback, distribute

BATCH, INPUTS, CLASSES = 128, 784, 10


def make(width: int) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((INPUTS,)),
            keras.layers.Dense(width, "relu"),
            keras.layers.Dense(width, "relu"),
            keras.layers.Dense(CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model


def by_fit(model: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> None:
    model.fit(inputs, labels, batch_size=BATCH, verbose=0, callbacks=[Callback(save_every=0)])


def by_loop(
    replica: DistributedDataParallel,
    update: Callable[[], None],
    inputs: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    order = torch.randperm(len(inputs))
    for batch in order.split(BATCH):
        loss = torch.nn.functional.cross_entropy(replica(inputs[batch]), labels[batch])
        replica.zero_grad()
        loss.backward()
        update()
        loss.item()  # as Keras's logs have it, every step


def by_keras(model: keras.Model) -> None:
    weights = model.trainable_weights
    with torch.no_grad():
        model.optimizer.apply([weight.value.grad for weight in weights], weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of a slice")
    parser.add_argument("--width", type=int, default=1024)
    args = parser.parse_args()

    chance = np.random.default_rng(rank())
    inputs = chance.normal(size=(BATCH * args.steps, INPUTS)).astype("float32")
    labels = chance.integers(0, CLASSES, size=len(inputs))
    model = distribute(lambda: make(args.width))
    replicas = [make(args.width), make(args.width)]
    first, second = (DistributedDataParallel(one, gradient_as_bucket_view=True) for one in replicas)
    update = torch.optim.Adam(first.parameters(), 1e-3, foreach=True).step
    tensors = torch.tensor(inputs), torch.tensor(labels)

    ways = {
        "fit": lambda: by_fit(model, inputs, labels),
        "loop": lambda: by_loop(first, update, *tensors),
        "keras_adam": lambda: by_loop(second, partial(by_keras, replicas[1]), *tensors),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(args.rounds + 1):
        for name, way in ways.items():
            torch.distributed.barrier()
            begin = time.perf_counter()
            way()
            torch.distributed.barrier()
            if turn > 0:  # the first is warming up
                rates[name].append(args.steps / (time.perf_counter() - begin))
    if rank() == 0:
        print(json.dumps(rates), flush=True)


if __name__ == "__main__":
    main()
