"""A rank that fails in a framework's own way: the right ending, and the right rank named."""

from __future__ import annotations

import pytest
from stack import Stack

from launcher.views import AttemptView, JobView

TENSORFLOW = """
import os
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
@tf.function
def step():
    def reduce():
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, 1.0)
    return strategy.run(reduce)
for number in range(1000):
    step()
    if number == 2 and os.environ["RANK"] == "1":
        tf.zeros([1 << 21, 1 << 21])
"""
JAX = """
import os, sys, time
if sys.argv[1] == "late" and os.environ["RANK"] == "1":
    time.sleep(1000)
import jax
jax.distributed.initialize(initialization_timeout=4)
from jax.experimental import multihost_utils
for number in range(1000):
    multihost_utils.process_allgather(jax.numpy.ones(3))
    if number == 2 and os.environ["RANK"] == "1":
        os.abort()
"""
KERAS_ON_JAX = """
import os
import keras, numpy
from launcher.train.keras import distribute
class Raises(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and os.environ["RANK"] == "1":
            raise ValueError("no data")
def make_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    return model
model = distribute(make_model)
zeros = numpy.zeros((64, 4), "float32")
model.fit(zeros, zeros, epochs=1000, verbose=0, callbacks=[Raises()])
"""
QUIET = {"env": {"TF_CPP_MIN_LOG_LEVEL": "2"}}


def told(job: JobView, attempt: AttemptView) -> str:
    return f"{attempt.ending}: {job.reason}"


def test_a_rank_that_aborts_under_jax_is_the_one_that_failed(stack: Stack) -> None:
    job = stack.run(JAX, entrypoint="train.py abort", framework="jax", **QUIET)
    words = "PROGRAM_FAILED: rank 1: killed by SIGABRT (abort)"
    assert told(job, stack.last_attempt(job.id)) == words, stack.story(job.id)


@pytest.mark.slow
def test_a_rank_that_raises_does_not_wait_in_the_exit_of_jax(stack: Stack) -> None:
    jax = {"backend": "jax"}
    job = stack.run(KERAS_ON_JAX, framework="keras", keras=jax, **QUIET)
    words = "PROGRAM_FAILED: rank 1: exit code 1: ValueError: no data"
    assert told(job, stack.last_attempt(job.id)) == words, stack.story(job.id)


def test_ranks_that_wait_in_vain_for_another_did_not_start_in_time(stack: Stack) -> None:
    job = stack.submit(JAX, entrypoint="train.py late", framework="jax", **QUIET)

    def first_ending() -> str:
        return "".join(str(one.ending or "") for one in stack.client.job(job).attempts[:1])

    assert stack.wait_for(job, first_ending, "the end of the first attempt") == "START_TIMEOUT"
    ends = [event.text for event in stack.client.events(job) if "in time" in event.text]
    assert (
        "rank 0: killed by SIGABRT (abort), as the ranks did not all meet in time: DEA" in ends[0]
    )


@pytest.mark.slow
def test_want_of_memory_in_tensorflow_is_told_as_such_of_the_rank_that_had_it(stack: Stack) -> None:
    multi = {"strategy": "multi_worker_mirrored"}
    job = stack.run(TENSORFLOW, framework="tensorflow", tensorflow=multi, **QUIET)
    words = "OUT_OF_MEMORY: rank 1: exit code 1, out of memory: tensorflow.python.framework.err"
    assert told(job, stack.last_attempt(job.id)).startswith(words), stack.story(job.id)
