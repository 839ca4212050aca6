"""The contract of a framework file: what makes N processes one training.

A framework file is a decision on paper: everything here is pure (`Launch`, `Gang`, `Rank` in, plain
data out), so a new framework is tested by comparing dictionaries, without GPUs or the library. The
agent does the doing: it adds what holds for every framework (LAUNCHER_*, MPLBACKEND) and the path
of the error file (TORCHELASTIC_ERROR_FILE), lays the environments over each other with `layered`,
and starts the process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch

NODE_DECIDES = frozenset({"GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"})
"""What an administrator who wrote it into a node's environment knows better than we do."""


class Framework(ABC):
    """One way to make the ranks of a gang train together. Stateless; one subclass a file."""

    how_to_meet: ClassVar[str]
    """What makes the ranks meet at MASTER_PORT, for a user whose ranks never did."""
    is_always_training: ClassVar[bool] = True
    """Several ranks are one training; else only when what they report says so."""
    keeps_rendezvous: ClassVar[bool] = False
    """The leader listens at MASTER_PORT (`launcher/executor/rendezvous.py`); else rank 0 does."""

    @abstractmethod
    def environment(self, launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
        """What a rank needs in its environment beyond the user's own variables.

        The result lies **over** `launch.env`. So a variable that the user may set himself is left
        out here when `launch.env` has it, and one that would break the gang (a rank, an address, a
        GPU of somebody else) always stands here.
        """

    def sees_own_gpus(self, launch: Launch) -> bool:  # noqa: ARG002 - a contract
        """Whether a rank sees its own GPUs alone; else all the gang's of its node, as torchrun."""
        return False

    def ranks_listen(self, launch: Launch) -> bool:  # noqa: ARG002 - a contract
        """Whether every rank gets a port of its own, `Rank.address`; rank 0's is MASTER_PORT."""
        return False

    def head_start_s(self, launch: Launch, *, warm: bool) -> float:  # noqa: ARG002 - a contract
        """How much earlier than the others rank 0 is started, where who comes before it waits.

        `warm`: the ranks have imported what they need before they start.
        """
        return 0.0

    def visible_gpus(self, launch: Launch, rank: Rank) -> tuple[str, ...]:
        """The GPUs that a rank may see, in order."""
        gpus = sorted(rank.node.gpus, key=_gpu_order)
        if self.sees_own_gpus(launch):
            first = rank.local_rank * launch.gpus_per_worker
            gpus = gpus[first : first + launch.gpus_per_worker]
        return tuple(gpus)

    def argv(self, launch: Launch, python: str) -> list[str]:
        """The argument vector of a rank.

        Args:
            launch: the job.
            python: the interpreter of the ranks.
        """
        return launch.entrypoint.command(python)


def layered(node: Mapping[str, str], launch: Launch, own: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a rank: the node's, under the user's, under the framework's.

    Args:
        node: the environment that the agent runs in, cleaned of Ray's variables.
        launch: the job, whose `env` the user wrote.
        own: what `Framework.environment` gave, and the agent's additions.
    """
    ours = {key: value for key, value in own.items() if key not in NODE_DECIDES or key not in node}
    return {**node, **launch.env, **ours}


def _gpu_order(gpu: str) -> tuple[bool, int, str]:
    """Indices by number ("10" after "9"), then UUIDs by their text."""
    return (not gpu.isdecimal(), int(gpu) if gpu.isdecimal() else 0, gpu)
