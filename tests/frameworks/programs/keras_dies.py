"""A Keras program whose last worker dies in its first attempt, in the middle of an epoch."""

import hashlib
import json
import os
import signal

import keras
import numpy as np

from launcher import attempt, rank, world_size
from launcher.train.keras import Callback, distribute, shard

EPOCHS, STEPS, BATCH = 3, 4, 16


class Dies(keras.callbacks.Callback):
    def on_train_batch_end(self, *_, **__):
        if attempt() == 1 and rank() == 1 and self.model.optimizer.iterations > STEPS + 2:
            os.kill(os.getpid(), signal.SIGKILL)


def make():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


chance = np.random.default_rng(0)
inputs = chance.normal(size=(BATCH * STEPS, 8)).astype("float32")
targets = inputs.sum(axis=1, keepdims=True)
model = distribute(make)
history = model.fit(
    *shard(inputs, targets),
    batch_size=BATCH // world_size(),
    epochs=EPOCHS,
    verbose=0,
    callbacks=[Dies(), Callback()],
).history
weights = b"".join(np.asarray(weight).tobytes() for weight in model.get_weights())
answer = {
    "backend": keras.backend.backend(),
    "epochs": len(history["loss"]),
    "steps": int(model.optimizer.iterations),
    "weights": hashlib.sha256(weights).hexdigest(),
}
print("\n" + json.dumps(answer), flush=True)
