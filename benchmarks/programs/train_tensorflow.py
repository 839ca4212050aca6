"""A training loop under MultiWorkerMirroredStrategy; TF_CONFIG says who takes part."""

# ruff: noqa: E402 - its imports are measured too

import time

BEGUN = time.time()

import tensorflow as tf
from steps import BATCH, CLASSES, WIDTH, steps


def main() -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        model = tf.keras.Sequential(
            [
                tf.keras.Input((WIDTH,)),
                tf.keras.layers.Dense(WIDTH, "relu"),
                tf.keras.layers.Dense(WIDTH, "relu"),
                tf.keras.layers.Dense(CLASSES),
            ]
        )
        optimizer = tf.keras.optimizers.SGD(0.01)
        optimizer.build(model.trainable_variables)
    images = tf.random.normal((BATCH, WIDTH))
    labels = tf.random.uniform((BATCH,), maxval=CLASSES, dtype=tf.int64)

    def replica_step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(images))
            loss = tf.nn.compute_average_loss(losses)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    @tf.function
    def step() -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(replica_step), axis=None)

    for _ in steps(BEGUN):
        step().numpy()


if __name__ == "__main__":
    main()
