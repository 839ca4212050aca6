"""Digits in TensorFlow: a custom training loop with tf.distribute, on one machine or several.

    python train_tensorflow.py --cpu-replicas 2     MirroredStrategy: one process, all its GPUs
    TF_CONFIG=... python train_tensorflow.py        MultiWorkerMirroredStrategy: one of several

Keeps its last state in `tf_checkpoints` and goes on from it when it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from digits import CLASSES, SIDE, Part, epoch_of, judge, load

MODEL = Path("model.keras")
STATE = Path("tf_checkpoints")
TASK = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {"type": "worker", "index": 0})
IS_CHIEF = TASK["type"] == "chief" or TASK["index"] == 0


def make_strategy(cpu_replicas: int) -> tf.distribute.Strategy:
    """By TF_CONFIG; alone over all GPUs, or over parts of the CPU where there is none."""
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if tf.config.list_physical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    parts = [tf.config.LogicalDeviceConfiguration()] * cpu_replicas
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    return tf.distribute.MirroredStrategy([f"/cpu:{index}" for index in range(cpu_replicas)])


def make_model() -> tf.keras.Model:
    return tf.keras.Sequential(
        [
            tf.keras.Input((SIDE, SIDE)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(CLASSES),
        ]
    )


class Trainer:
    """Owns the strategy, the model and its state on disk."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.digits = load()
        self.strategy = make_strategy(args.cpu_replicas)
        with self.strategy.scope():
            self.model = make_model()
            self.optimizer = tf.keras.optimizers.Adam(args.lr)
            self.optimizer.build(self.model.trainable_variables)
            self.epoch = tf.Variable(0, dtype=tf.int64)
            self.best_epoch = tf.Variable(0, dtype=tf.int64)
            self.best_loss = tf.Variable(np.inf, dtype=tf.float32)
        state = tf.train.Checkpoint(
            model=self.model,
            optimizer=self.optimizer,
            epoch=self.epoch,
            best_epoch=self.best_epoch,
            best_loss=self.best_loss,
        )
        # Every worker must save, as saving may read variables together; only the chief's counts.
        folder = STATE if IS_CHIEF else STATE.with_name(f"{STATE}-{TASK['index']}")
        self.manager = tf.train.CheckpointManager(state, str(folder), max_to_keep=1)
        if newest := tf.train.latest_checkpoint(str(STATE)):
            state.restore(newest)
            say(f"goes on after epoch {self.epoch.numpy()}")

    def train(self) -> None:
        while self.epoch < self.args.epochs:
            loss = self.run_epoch()
            val_loss, val_accuracy = self.validate()
            self.epoch.assign_add(1)
            say(
                f"epoch {self.epoch.numpy()}/{self.args.epochs} - loss: {loss:.4f}"
                f" - val_loss: {val_loss:.4f} - val_accuracy: {val_accuracy:.4f}"
            )
            if val_loss < self.best_loss:
                self.best_loss.assign(val_loss)
                self.best_epoch.assign(self.epoch)
                if IS_CHIEF:
                    self.model.save(MODEL)
            self.manager.save()
            if self.epoch - self.best_epoch >= self.args.patience:
                say(f"no better since epoch {self.best_epoch.numpy()}: stopped")
                return

    def run_epoch(self) -> float:
        """Mean loss of all batches."""
        part = epoch_of(self.digits.training, self.args.seed, int(self.epoch.numpy()))
        losses = [self.step(*batch).numpy() for batch in self.distributed(part)]
        return float(np.mean(losses))

    def distributed(self, part: Part) -> tf.distribute.DistributedDataset:
        data = tf.data.Dataset.from_tensor_slices(tuple(part))
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        data = data.batch(self.args.batch_size, drop_remainder=True).with_options(options)
        return self.strategy.experimental_distribute_dataset(data)

    @tf.function
    def step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        losses = self.strategy.run(self.replica_step, args=(images, labels))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def replica_step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One replica's part of the loss, and the update with the gradients of all."""
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.nn.compute_average_loss(losses, global_batch_size=self.args.batch_size)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy; every worker has the same weights and data, and so finds the same."""
        images, labels = self.digits.validation
        logits = self.model(images, training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        correct = tf.argmax(logits, axis=1) == labels
        return float(tf.reduce_mean(losses)), float(tf.reduce_mean(tf.cast(correct, tf.float32)))


def predict(images: np.ndarray) -> np.ndarray:
    """What the saved model takes the images for."""
    return tf.keras.models.load_model(MODEL)(images).numpy().argmax(axis=1)


def say(text: str) -> None:
    if IS_CHIEF:
        print(text, flush=True)


def main() -> None:
    args = parse_arguments()
    tf.keras.utils.set_random_seed(args.seed)
    trainer = Trainer(args)
    trainer.train()
    if not IS_CHIEF:
        shutil.rmtree(trainer.manager.directory, ignore_errors=True)
        return
    images, labels = trainer.digits.test
    accuracy = judge(labels, predict(images))
    print(f"test_accuracy: {accuracy:.4f}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="64-128-10 on scikit-learn's digits, in TensorFlow"
    )
    parser.add_argument("--epochs", type=int, default=40, help="at most")
    parser.add_argument("--batch-size", type=int, default=64, help="of all replicas together")
    parser.add_argument("--lr", type=float, default=8e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better loss")
    parser.add_argument(
        "--cpu-replicas", type=int, default=1, help="of one process, on a machine without a GPU"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
