"""The environment that torchrun gives its processes, for every program written for torchrun.

The set is torch's own (`LocalElasticAgent._start_workers`; tests/integration compares with a real
torchrun), plus NODE_RANK, which older scripts read. TORCHELASTIC_ERROR_FILE is a path of the node,
so the agent adds it.
"""

from __future__ import annotations

from launcher.frameworks.base import Framework
from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch


class TorchrunFramework(Framework):
    """Processes started as torchrun starts them."""

    def environment(self, launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
        """Give torchrun's whole set, and the GPUs.

        The user's `env` wins for OMP_NUM_THREADS, GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME and
        TORCH_NCCL_ASYNC_ERROR_HANDLING. Everything else here wins over the user's: ranks, sizes,
        the rendezvous, restart counts, and CUDA_VISIBLE_DEVICES, which without GPUs is empty so
        that a CPU job on a node with GPUs never touches them.
        """
        tunable = _tunable(launch, rank)
        return {
            **{key: value for key, value in tunable.items() if key not in launch.env},
            **_place(gang, rank),
            **_run(launch, gang),
            "CUDA_VISIBLE_DEVICES": ",".join(self.visible_gpus(launch, rank)),
        }


def _place(gang: Gang, rank: Rank) -> dict[str, str]:
    """Who the rank is; there is one role, so its numbers are the gang's."""
    node = rank.node
    return {
        "RANK": str(rank.rank),
        "LOCAL_RANK": str(rank.local_rank),
        "WORLD_SIZE": str(gang.world_size),
        "LOCAL_WORLD_SIZE": str(node.ranks),
        "GROUP_RANK": str(node.index),
        "GROUP_WORLD_SIZE": str(len(gang.nodes)),
        "NODE_RANK": str(node.index),
        "ROLE_NAME": "default",
        "ROLE_RANK": str(rank.rank),
        "ROLE_WORLD_SIZE": str(gang.world_size),
    }


def _run(launch: Launch, gang: Gang) -> dict[str, str]:
    """Where the ranks meet, and which try of the job this is."""
    return {
        "MASTER_ADDR": gang.master_addr,
        "MASTER_PORT": str(gang.master_port),
        "TORCHELASTIC_RUN_ID": gang.job_id,
        "TORCHELASTIC_RESTART_COUNT": str(gang.attempt - 1),
        "TORCHELASTIC_MAX_RESTARTS": str(launch.max_restarts),
        # Rank 0 serves the TCPStore itself: our agents run no store for it.
        "TORCHELASTIC_USE_AGENT_STORE": "False",
    }


def _tunable(launch: Launch, rank: Rank) -> dict[str, str]:
    tunable = {
        "OMP_NUM_THREADS": str(max(1, launch.cpus_per_worker * launch.replicas_per_rank)),
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
    }
    if rank.node.interface:
        tunable["GLOO_SOCKET_IFNAME"] = rank.node.interface
        tunable["NCCL_SOCKET_IFNAME"] = rank.node.interface
    return tunable
