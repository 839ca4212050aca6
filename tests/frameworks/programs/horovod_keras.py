"""Keras 3 under Horovod: `theirs`, as horovod.tensorflow.keras documents it, or `ours`."""

import hashlib
import json
import sys

import horovod.tensorflow.keras as hvd
import keras
import numpy as np

hvd.init()
keras.utils.set_random_seed(42 + (hvd.rank() if sys.argv[1] == "ours" else 0))
model = keras.Sequential(
    [keras.layers.Input((16,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(1)]
)
optimizer = keras.optimizers.SGD(0.05)
callbacks = []
if sys.argv[1] == "ours":
    from launcher.train.keras import HorovodCallback, horovod_optimizer

    optimizer = horovod_optimizer(optimizer)
    callbacks.append(HorovodCallback())  # makes equal what the seeds made different
else:
    optimizer = hvd.DistributedOptimizer(optimizer)

chance = np.random.default_rng(hvd.rank())  # each rank trains with data of its own
inputs = chance.normal(size=(128, 16)).astype("float32")
targets = inputs[:, :4].sum(axis=1, keepdims=True)
model.compile(optimizer, loss="mse")
history = model.fit(inputs, targets, epochs=2, batch_size=32, verbose=0, callbacks=callbacks)
weights = b"".join(np.asarray(value).tobytes() for value in model.get_weights())
answer = {
    "rank": hvd.rank(),
    "losses": history.history["loss"],
    "weights": hashlib.sha256(weights).hexdigest(),
}
print(json.dumps(answer), flush=True)
