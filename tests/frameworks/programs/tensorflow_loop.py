"""A training loop of TensorFlow's own kind, on several processes or on several logical devices.

Prints the loss of every step of the whole batch, and a digest of the weights it ends with.
"""

import argparse
import hashlib
import json
import os
import time

import numpy as np
import tensorflow as tf

import launcher

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--devices", type=int, default=0, help="logical CPUs for MirroredStrategy")
parser.add_argument("--pause", type=float, default=0.0, help="seconds of rest after each step")
parser.add_argument("--spoil", type=int, default=-1, help="step whose loss becomes NaN")
args = parser.parse_args()

if "TF_CONFIG" in os.environ:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    if args.devices:
        cpu = tf.config.list_physical_devices("CPU")[0]
        logical = [tf.config.LogicalDeviceConfiguration() for _ in range(args.devices)]
        tf.config.set_logical_device_configuration(cpu, logical)
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(names)

numbers = np.random.default_rng(0)
inputs = numbers.normal(size=(args.steps * args.batch, 8)).astype("float32")
targets = np.tanh(inputs @ numbers.normal(size=(8, 1))).astype("float32")
data = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(args.batch, drop_remainder=True)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
data = strategy.experimental_distribute_dataset(data.with_options(options))

with strategy.scope():
    tf.random.set_seed(0)
    weights = [
        tf.Variable(tf.random.stateless_normal((8, 16), seed=(0, 1)) * 0.3),
        tf.Variable(tf.zeros(16)),
        tf.Variable(tf.random.stateless_normal((16, 1), seed=(0, 2)) * 0.3),
    ]


def step(x, y):
    with tf.GradientTape() as tape:
        hidden = tf.nn.tanh(x @ weights[0] + weights[1])
        losses = tf.reduce_sum((hidden @ weights[2] - y) ** 2, axis=1)
        loss = tf.nn.compute_average_loss(losses, global_batch_size=args.batch)
    gradients = tape.gradient(loss, weights)
    replica = tf.distribute.get_replica_context()
    gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    for variable, gradient in zip(weights, gradients, strict=True):
        variable.assign_sub(0.1 * gradient)
    return loss


@tf.function
def global_step(batch):
    each = strategy.run(step, args=batch)
    return strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)


resumed = launcher.resume_from()
done = 0
if resumed is not None:
    with np.load(resumed / "weights.npz") as saved:
        done = int(saved["step"])
        for index, variable in enumerate(weights):
            variable.assign(saved[f"w{index}"])

losses = []
for number, batch in enumerate(data, start=1):
    if number <= done:
        continue
    losses.append(float("nan") if number == args.spoil else float(global_step(batch)))
    launcher.report(step=number, total_steps=args.steps, loss=losses[-1])
    if number % 5 == 0:
        with launcher.checkpoint(number) as folder:
            values = {f"w{index}": variable.numpy() for index, variable in enumerate(weights)}
            np.savez(folder / "weights.npz", step=number, **values)
    time.sleep(args.pause)
digest = hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in weights)).hexdigest()
replicas = strategy.num_replicas_in_sync
print(json.dumps({"replicas": replicas, "losses": losses, "weights": digest}), flush=True)
