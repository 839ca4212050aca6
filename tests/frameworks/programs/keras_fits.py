"""Keras over one or several workers: calls of fit by their names; the last may be stopped.

plain: the same curve whatever the number of workers. whole, then broken: the same training twice,
with all that has a state: moments, a learning rate that decays, statistics, dropout, shuffling.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import keras
import numpy as np

from launcher import rank, world_size
from launcher.train.keras import Callback, distribute, shard

EPOCHS, BATCH, EXAMPLES = 3, 32, 256
IS_TENSORFLOW = keras.backend.backend() == "tensorflow"

chance = np.random.default_rng(0)
INPUTS = chance.normal(size=(EXAMPLES, 12)).astype("float32")
LABELS = (INPUTS[:, :3].sum(axis=1) > 0).astype("int32")


def make_plain():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(
        "adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")]
    )
    return model


def make_with_state():
    keras.utils.set_random_seed(6)
    layers = [keras.layers.Dense(16, "relu"), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.3), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((12,)), *layers])
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, decay_steps=5, decay_rate=0.9)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def fit(make, **keys):
    model = distribute(make)
    history = model.fit(
        *shard(INPUTS, LABELS),
        epochs=EPOCHS,
        batch_size=BATCH // world_size(),
        validation_data=shard(INPUTS, LABELS),
        verbose=0,
        callbacks=[Callback()],
        **keys,
    ).history
    weights = b"".join(np.asarray(weight).tobytes() for weight in model.get_weights())
    moments = b"".join(np.asarray(one.numpy()).tobytes() for one in model.optimizer.variables)
    return {
        "history": history,
        "weights": hashlib.sha256(weights).hexdigest(),
        "moments": hashlib.sha256(moments).hexdigest(),
    }


# TensorFlow's own shuffling cannot be put back to where it was.
order = {"shuffle": not IS_TENSORFLOW}
fits = {
    "plain": (make_plain, {"shuffle": False}),
    "whole": (make_with_state, order),
    "broken": (make_with_state, order),
}
answer = {name: fit(fits[name][0], **fits[name][1]) for name in sys.argv[1:]}
Path(f"{os.environ['ANSWER']}.{rank()}").write_text(json.dumps(answer))
