"""Tell two kinds of points apart with a 5-10-1 network, in TensorFlow: all GPUs of one machine.

python train_tensorflow.py --cpu-replicas 2
"""

from __future__ import annotations

import argparse

import tensorflow as tf
from samples import FEATURES, judge, load


class Classifier(tf.Module):
    """Without Keras: two layers are two matrices."""

    def __init__(self) -> None:
        super().__init__()
        initialize = tf.keras.initializers.GlorotUniform(seed=0)
        self.w1 = tf.Variable(initialize((FEATURES, 10)))
        self.b1 = tf.Variable(tf.zeros(10))
        self.w2 = tf.Variable(initialize((10, 1)))
        self.b2 = tf.Variable(tf.zeros(1))

    @tf.function(input_signature=[tf.TensorSpec((None, FEATURES))])
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Logits, `(n,)`."""
        return (tf.nn.relu(x @ self.w1 + self.b1) @ self.w2 + self.b2)[:, 0]


def make_strategy(cpu_replicas: int) -> tf.distribute.Strategy:
    """Over all GPUs, or over parts of the CPU where there is none."""
    if tf.config.list_physical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    parts = [tf.config.LogicalDeviceConfiguration()] * cpu_replicas
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    return tf.distribute.MirroredStrategy([f"/cpu:{index}" for index in range(cpu_replicas)])


def train(args: argparse.Namespace) -> None:
    training, test = load()
    strategy = make_strategy(args.cpu_replicas)
    with strategy.scope():
        model = Classifier()
        optimizer = tf.keras.optimizers.Adam(args.lr)
        optimizer.build(model.trainable_variables)
    weight = training.weight_of_ones  # there are four times fewer

    def replica_step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = tf.nn.weighted_cross_entropy_with_logits(y, model(x), pos_weight=weight)
            loss = tf.nn.compute_average_loss(losses, global_batch_size=args.batch_size)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        losses = strategy.run(replica_step, args=(x, y))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    data = tf.data.Dataset.from_tensor_slices(tuple(training))
    data = data.shuffle(len(training.y), seed=args.seed).batch(args.batch_size, drop_remainder=True)
    batches = strategy.experimental_distribute_dataset(data)
    for epoch in range(1, args.epochs + 1):
        for x, y in batches:
            loss = step(x, y)
        print(f"epoch {epoch}/{args.epochs} - loss: {loss.numpy():.4f}", flush=True)
    tf.saved_model.save(model, "model")
    probabilities = tf.sigmoid(tf.saved_model.load("model")(test.x)).numpy()
    print(f"test_accuracy: {judge(test.y, probabilities):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="a 5-10-1 binary classifier in TensorFlow")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64, help="of all replicas together")
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu-replicas", type=int, default=1, help="on a machine without a GPU")
    args = parser.parse_args()
    tf.keras.utils.set_random_seed(args.seed)
    train(args)


if __name__ == "__main__":
    main()
