"""Keras as its author wrote it: fit with a validation split, TensorBoard's callback, evaluate."""

import sys

import keras
import numpy as np

keras.utils.set_random_seed(1)
inputs = np.random.default_rng(1).random((64, 4)).astype("float32")
targets = (inputs.sum(1) > 2).astype("float32")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, "sigmoid")])
model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(inputs, targets, epochs=3, batch_size=8, validation_split=0.25)
model.evaluate(inputs, targets, batch_size=8)

if len(sys.argv) > 1:  # what another part of the program writes for TensorBoard, as torch does it
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(f"{sys.argv[1]}/train") as writer:
        for epoch, loss in enumerate(history.history["loss"]):
            writer.add_scalar("epoch_loss", loss, epoch, walltime=1000.0 + epoch)
            writer.add_histogram(
                "weights", np.concatenate([w.ravel() for w in model.get_weights()])
            )
