"""What holds for Keras on torch over two workers beside `fit`, and what is refused, in words."""

import hashlib
import json
import os
from pathlib import Path

import keras
import numpy as np
import torch

from launcher import rank, world_size
from launcher.train.keras import distribute, shard

chance = np.random.default_rng(0)
INPUTS = chance.normal(size=(64, 6)).astype("float32")
LABELS = (INPUTS[:, :2].sum(axis=1) > 0).astype("int32")
MINE = shard(INPUTS, LABELS)
answer = {}


def make(kind=keras.Model, **keys):
    """Weights differ between the workers until they train together."""
    keras.utils.set_random_seed(rank())
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(8, "relu", name="hidden")(inputs)
    model = kind(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], **keys)
    return model


def digest(model):
    weights = b"".join(np.asarray(weight).tobytes() for weight in model.get_weights())
    return hashlib.sha256(weights).hexdigest()


def refused(make_model):
    try:
        distribute(make_model).fit(*MINE, batch_size=16, epochs=1, verbose=0)
    except RuntimeError as error:
        return str(error)
    return "nothing"


# A ready model is taken, and its workers decide alike: this one's figures differ between them.
model = distribute(make())
early = keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=0.02)
held_out = (INPUTS[: 8 + 24 * rank()], LABELS[: 8 + 24 * rank()])  # one has 8 examples, one 32
history = model.fit(*MINE, 16, 30, 0, early, validation_data=held_out).history
answer["val_loss"] = history["val_loss"]
answer["fitted"] = digest(model)

# Frozen in part, and then not.
model.get_layer("hidden").trainable = False
model.compile("sgd", "binary_crossentropy")
model.fit(*MINE, batch_size=16, epochs=1, verbose=0)
answer["frozen"] = digest(model)
model.get_layer("hidden").trainable = True
model.compile("sgd", "binary_crossentropy")
model.train_on_batch(MINE[0][:16], MINE[1][:16])
model.train_on_batch(MINE[0][16:], MINE[1][16:])
answer["one by one"] = digest(model)

accumulating = distribute(make)
accumulating.compile(keras.optimizers.Adam(gradient_accumulation_steps=2), "binary_crossentropy")
accumulating.fit(*MINE, batch_size=8, epochs=1, verbose=0)
answer["accumulating"] = digest(accumulating)


class OwnStep(keras.Model):
    """Reports figures of its own making."""

    def train_step(self, data):
        super().train_step(data)
        return {"mine": float(rank())}


own_step = distribute(lambda: make(OwnStep))
answer["mine"] = own_step.fit(*MINE, batch_size=16, epochs=2, verbose=0).history["mine"]


class Twice(keras.Model):
    """Goes back twice in a step."""

    def train_step(self, data):
        super().train_step(data)
        return super().train_step(data)


def make_unused():
    model = make()
    model.unused = model.add_weight(shape=(2,), name="unused")
    return model


def make_gan():
    model = make()
    model.d_optimizer, model.g_optimizer = keras.optimizers.Adam(), keras.optimizers.Adam()
    return model


answer["two optimizers"] = refused(make_gan)
answer["twice"] = refused(lambda: make(Twice))
answer["unused"] = refused(make_unused)
Path(f"{os.environ['ANSWER']}.{rank()}").write_text(json.dumps(answer))
assert world_size() == torch.distributed.get_world_size()
