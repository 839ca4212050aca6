"""In the style of Horovod's own examples/tensorflow2: knows nothing of us, as horovodrun starts it.

With TF_USE_LEGACY_KERAS=1, for which those were written.
"""

import hashlib
import json

import horovod.tensorflow as hvd
import tensorflow as tf

hvd.init()
tf.random.set_seed(42 + hvd.rank())  # what is broadcast below must not be equal before
inputs = tf.random.stateless_normal((256, 16), seed=(1, 2))
targets = tf.cast(tf.reduce_sum(inputs[:, :4], axis=1) > 0, tf.int64)
dataset = tf.data.Dataset.from_tensor_slices((inputs, targets))
dataset = dataset.shard(hvd.size(), hvd.rank()).repeat().shuffle(100).batch(32)

model = tf.keras.Sequential(
    [tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(2, activation="softmax")]
)
loss_of = tf.losses.SparseCategoricalCrossentropy()
optimizer = tf.optimizers.Adam(0.01 * hvd.size())


@tf.function
def training_step(images, labels, first_batch):
    with tf.GradientTape() as tape:
        loss_value = loss_of(labels, model(images, training=True))
    tape = hvd.DistributedGradientTape(tape)
    grads = tape.gradient(loss_value, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
    if first_batch:
        hvd.broadcast_variables(model.variables, root_rank=0)
        hvd.broadcast_variables(optimizer.variables, root_rank=0)
    return loss_value


for batch, (images, labels) in enumerate(dataset.take(48 // hvd.size())):
    loss = training_step(images, labels, batch == 0)
    if batch % 8 == 0 and hvd.rank() == 0:
        print(f"step {batch} loss {float(loss):.4f}", flush=True)

found = tf.argmax(model(inputs), axis=1)
weights = b"".join(variable.numpy().tobytes() for variable in model.variables)
answer = {
    "rank": hvd.rank(),
    "accuracy": float(tf.reduce_mean(tf.cast(found == targets, tf.float32))),
    "weights": hashlib.sha256(weights).hexdigest(),
}
print(json.dumps(answer), flush=True)
