"""`fit`, as users of Keras write it: legacy Keras over several processes, Keras 3 over devices."""

import argparse
import hashlib
import json
import os

import numpy as np
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()

if "TF_CONFIG" in os.environ:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
else:
    cpu = tf.config.list_physical_devices("CPU")[0]
    count = int(os.environ["REPLICAS"])
    logical = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    tf.config.set_logical_device_configuration(cpu, logical)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(count)])

numbers = np.random.default_rng(0)
inputs = numbers.normal(size=(128, 8)).astype("float32")
targets = np.tanh(inputs @ numbers.normal(size=(8, 1))).astype("float32")
data = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(32)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA

tf.keras.utils.set_random_seed(1)
with strategy.scope():
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(16, activation="tanh", input_shape=(8,)),
            tf.keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01), loss="mse")
history = model.fit(data.with_options(options), epochs=args.epochs, verbose=2)
digest = hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()
answer = {
    "keras": type(model).__module__.partition(".")[0],
    "replicas": strategy.num_replicas_in_sync,
}
print(json.dumps(answer | {"losses": history.history["loss"], "weights": digest}), flush=True)
