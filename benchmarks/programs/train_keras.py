"""Keras's own `fit` over several processes, on what KERAS_BACKEND says."""

# ruff: noqa: E402 - its imports are measured too

import time

BEGUN = time.time()
BATCHES = 100

import keras
import numpy as np
from steps import BATCH, CLASSES, WIDTH, steps

from launcher.train.keras import distribute


def main() -> None:
    def make_model() -> keras.Model:
        model = keras.Sequential(
            [
                keras.Input((WIDTH,)),
                keras.layers.Dense(WIDTH, "relu"),
                keras.layers.Dense(WIDTH, "relu"),
                keras.layers.Dense(CLASSES),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
        return model

    class Marking(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.steps = steps(BEGUN)
            next(self.steps)

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - Keras's
            self.model.stop_training = next(self.steps, None) is None

    chance = np.random.default_rng(0)
    images = chance.normal(size=(BATCH * BATCHES, WIDTH)).astype("float32")
    labels = chance.integers(CLASSES, size=len(images))
    model = distribute(make_model)
    epochs = 1_000_000  # until it is stopped
    model.fit(images, labels, BATCH, epochs, verbose=0, callbacks=[Marking()])


if __name__ == "__main__":
    main()
