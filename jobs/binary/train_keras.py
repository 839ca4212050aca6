"""Tell two kinds of points apart with a 5-10-1 network, in Keras: compile, fit, evaluate.

KERAS_BACKEND says what it runs on. On TensorFlow it trains on all GPUs of one machine.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext

import keras
from samples import FEATURES, judge, load


def scope(cpu_replicas: int) -> AbstractContextManager[object]:
    """Where the model is made: on TensorFlow, over all GPUs or over parts of the CPU."""
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return tf.distribute.MirroredStrategy().scope()
    parts = [tf.config.LogicalDeviceConfiguration()] * cpu_replicas
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    return tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(cpu_replicas)]).scope()


def make_model(lr: float) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(10, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(lr), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def train(args: argparse.Namespace) -> None:
    training, test = load()
    with scope(args.cpu_replicas):
        model = make_model(args.lr)
    model.fit(
        training.x,
        training.y[:, None],
        batch_size=args.batch_size,
        epochs=args.epochs,
        class_weight={0: 1.0, 1: training.weight_of_ones},  # there are four times fewer ones
        verbose=2,
    )
    model.save("model.keras")
    probabilities = keras.models.load_model("model.keras").predict(test.x, verbose=0)[:, 0]
    print(f"test_accuracy: {judge(test.y, probabilities):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="a 5-10-1 binary classifier in Keras")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64, help="of all replicas together")
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--cpu-replicas", type=int, default=1, help="of one TensorFlow process without a GPU"
    )
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    train(args)


if __name__ == "__main__":
    main()
