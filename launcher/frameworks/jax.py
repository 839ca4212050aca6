"""JAX over several processes, unmodified: `jax.distributed.initialize()` needs no arguments."""

from __future__ import annotations

from launcher.frameworks._jax import jax_environment, jax_head_start_s
from launcher.frameworks._torchrun import TorchrunFramework
from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch


class Jax(TorchrunFramework):
    """A process a worker, with its own GPUs; rank 0 serves the coordinator."""

    how_to_meet = "call jax.distributed.initialize() before anything else of jax"

    def environment(self, launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
        """Give what JAX looks for over torchrun's set."""
        own = super().environment(launch, gang, rank)
        return own | jax_environment(launch, gang, rank)

    def head_start_s(self, launch: Launch, *, warm: bool) -> float:  # noqa: ARG002 - a contract
        """Rank 0 serves the coordinator."""
        return jax_head_start_s(warm=warm)

    def sees_own_gpus(self, launch: Launch) -> bool:  # noqa: ARG002 - a contract
        """JAX takes every GPU that it sees."""
        return True
