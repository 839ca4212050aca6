"""Horovod, of PyTorch's programs and TensorFlow's, over Gloo: no horovodrun, no MPI, no ssh.

What horovodrun gives its processes (`runner/gloo_run.py` there), and torchrun's set beside it. The
store where the ranks find each other is kept by the leader at MASTER_PORT
(`launcher/executor/rendezvous.py`). Where Horovod was built with NCCL, GPUs talk over that; Gloo
then only coordinates.
"""

from __future__ import annotations

from launcher.frameworks._torchrun import TorchrunFramework
from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch

_SHORTEST_TIMEOUT_S = 30


class Horovod(TorchrunFramework):
    """Every rank sees all the gang's GPUs of its node and takes that of `hvd.local_rank()`."""

    how_to_meet = "call hvd.init() and wrap the optimizer in hvd.DistributedOptimizer"
    keeps_rendezvous = True

    def environment(self, launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
        """Give Horovod's whole set over torchrun's.

        The user's `env` wins for HOROVOD_CPU_OPERATIONS, HOROVOD_GLOO_IFACE and
        HOROVOD_GLOO_TIMEOUT_SECONDS.
        """
        tunable = _tunable(launch, rank)
        return {
            **super().environment(launch, gang, rank),
            **{key: value for key, value in tunable.items() if key not in launch.env},
            **_place(gang, rank),
            "HOROVOD_CONTROLLER": "gloo",
            "HOROVOD_GLOO_RENDEZVOUS_ADDR": gang.master_addr,
            "HOROVOD_GLOO_RENDEZVOUS_PORT": str(gang.master_port),
        }


def _place(gang: Gang, rank: Rank) -> dict[str, str]:
    """Who the rank is: in the gang, on its node, and among those of its number on other nodes."""
    peers = [node.index for node in gang.nodes if node.ranks > rank.local_rank]
    return {
        # Nodes may share an address; the ranks of one host meet under its name.
        "HOROVOD_HOSTNAME": f"{rank.node.address}-{rank.node.index}",
        "HOROVOD_RANK": str(rank.rank),
        "HOROVOD_SIZE": str(gang.world_size),
        "HOROVOD_LOCAL_RANK": str(rank.local_rank),
        "HOROVOD_LOCAL_SIZE": str(rank.node.ranks),
        "HOROVOD_CROSS_RANK": str(peers.index(rank.node.index)),
        "HOROVOD_CROSS_SIZE": str(len(peers)),
    }


def _tunable(launch: Launch, rank: Rank) -> dict[str, str]:
    # Horovod's own 30 s end a gang of which one node imports its packages from a slow disk.
    patience_s = max(_SHORTEST_TIMEOUT_S, int(launch.start_timeout_s))
    tunable = {
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_TIMEOUT_SECONDS": str(patience_s),
    }
    if rank.node.interface:
        tunable["HOROVOD_GLOO_IFACE"] = rank.node.interface
    return tunable
