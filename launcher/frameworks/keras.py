"""Keras 3 on TensorFlow, torch or JAX: what it runs on is set before the program imports it."""

from __future__ import annotations

from launcher.frameworks._jax import jax_environment, jax_head_start_s
from launcher.frameworks._torchrun import TorchrunFramework
from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch


class Keras(TorchrunFramework):
    """On TensorFlow one process with the GPUs of all workers; on torch and JAX one a worker."""

    how_to_meet = "make the model by launcher.train.keras.distribute(make_model)"

    def environment(self, launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
        """Give KERAS_BACKEND and torchrun's set, and on JAX what that looks for."""
        own = super().environment(launch, gang, rank) | {"KERAS_BACKEND": launch.strategy}
        return own | (jax_environment(launch, gang, rank) if launch.strategy == "jax" else {})

    def head_start_s(self, launch: Launch, *, warm: bool) -> float:
        """On JAX rank 0 serves the coordinator."""
        return jax_head_start_s(warm=warm) if launch.strategy == "jax" else 0.0

    def sees_own_gpus(self, launch: Launch) -> bool:
        """JAX takes every GPU that it sees; torch is told which of the node's is its own."""
        return launch.strategy == "jax"
