"""Data parallel training in JAX over several processes, which it is told nothing about.

Prints the loss of every step of the whole batch, and a digest of the weights it ends with.
"""

import argparse
import hashlib
import json
import time

import jax
import numpy as np

import launcher

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--pause", type=float, default=0.0, help="seconds of rest after each step")
args = parser.parse_args()

jax.distributed.initialize()

import jax.numpy as jnp  # noqa: E402 - as JAX's own documents order it
from jax.sharding import Mesh, NamedSharding, PartitionSpec  # noqa: E402

mesh = Mesh(np.array(jax.devices()), ("data",))
split, whole = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())

numbers = np.random.default_rng(0)
inputs = numbers.normal(size=(args.steps, args.batch, 8)).astype("float32")
targets = np.tanh(inputs @ numbers.normal(size=(8, 1))).astype("float32")


def start(key):
    first, second = jax.random.split(key)
    return {
        "in": jax.random.normal(first, (8, 16)) * 0.3,
        "out": jax.random.normal(second, (16, 1)) * 0.3,
    }


def loss_of(weights, x, y):
    return jnp.mean(jnp.sum((jnp.tanh(x @ weights["in"]) @ weights["out"] - y) ** 2, axis=1))


@jax.jit
def step(weights, x, y):
    loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
    return jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradients), loss


def own_part(batch):
    """This process's rows of a batch that all of them have."""
    count = args.batch // jax.process_count()
    rows = batch[jax.process_index() * count : (jax.process_index() + 1) * count]
    return jax.make_array_from_process_local_data(split, rows)


weights = jax.jit(start, out_shardings=whole)(jax.random.key(0))
done = 0
resumed = launcher.resume_from()
if resumed is not None:
    with np.load(resumed / "weights.npz") as saved:
        done = int(saved["step"])
        weights = jax.device_put({name: saved[name] for name in weights}, whole)

losses = []
for number in range(done + 1, args.steps + 1):
    x, y = own_part(inputs[number - 1]), own_part(targets[number - 1])
    weights, loss = step(weights, x, y)
    losses.append(float(loss))
    launcher.report(step=number, total_steps=args.steps, loss=losses[-1])
    if number % 5 == 0:
        with launcher.checkpoint(number) as folder:
            values = {name: np.asarray(each.addressable_data(0)) for name, each in weights.items()}
            np.savez(folder / "weights.npz", step=number, **values)
    time.sleep(args.pause)
parts = [np.asarray(weights[name].addressable_data(0)).tobytes() for name in sorted(weights)]
digest = hashlib.sha256(b"".join(parts)).hexdigest()
print(
    json.dumps({"processes": jax.process_count(), "losses": losses, "weights": digest}), flush=True
)
