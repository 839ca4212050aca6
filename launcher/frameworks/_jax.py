"""What makes JAX processes one: for `framework: jax`, and for Keras on JAX.

Most programs call `jax.distributed.initialize()` and leave it to JAX to find out where they run. It
reads the coordinator's address from its own variable; number and id of the process it takes only
from clusters that it knows by name (jax/_src/clusters). So a rank looks to it like one of Open MPI:
that is a few variables, and no program of ours in the user's process.
"""

from __future__ import annotations

from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch

_HEAD_START_S = {"cold": 0.25, "warm": 0.1}


def jax_head_start_s(*, warm: bool) -> float:
    """How much earlier rank 0 is started, which serves the coordinator.

    Who asks for it before rank 0 listens asks again a second later, as gRPC does. Of ranks that
    start cold together five of eight did: rank 0 has more to do until it listens, and the imports
    of two ranks differ by up to 0.2 s. Of warm ones two of ten did, and none with 0.05 s.
    """
    return _HEAD_START_S["warm" if warm else "cold"]


def jax_environment(launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
    """The coordinator, listened at by rank 0, and the place of this process.

    The user's `env` wins for JAX_CPU_COLLECTIVES_IMPLEMENTATION, which JAX before 0.5 leaves empty,
    so that processes on CPUs could not talk.
    """
    own = {
        "JAX_COORDINATOR_ADDRESS": gang.meeting_place,
        "JAX_NUM_PROCESSES": str(gang.world_size),
        "JAX_PROCESS_ID": str(rank.rank),
        "OMPI_MCA_orte_hnp_uri": f"launcher;tcp://{gang.meeting_place}",
        "OMPI_COMM_WORLD_SIZE": str(gang.world_size),
        "OMPI_COMM_WORLD_RANK": str(rank.rank),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(rank.local_rank),
    }
    if launch.gpus_per_worker:
        # Else JAX would take the GPU of the local rank's number among those that the rank sees.
        own["JAX_LOCAL_DEVICE_IDS"] = ",".join(map(str, range(launch.gpus_per_worker)))
    if "JAX_CPU_COLLECTIVES_IMPLEMENTATION" not in launch.env:
        own["JAX_CPU_COLLECTIVES_IMPLEMENTATION"] = "gloo"
    return own
