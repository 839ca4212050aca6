"""TensorFlow: MirroredStrategy in one process, MultiWorkerMirroredStrategy over several."""

from __future__ import annotations

import json

from launcher.frameworks._torchrun import TorchrunFramework
from launcher.model.gang import Gang, Rank
from launcher.model.launch import Launch


class TensorFlow(TorchrunFramework):
    """One process with the GPUs of all workers; or one a worker, with its own GPUs and TF_CONFIG.

    TF_CONFIG lists workers alone: worker 0, which is rank 0, is then the chief.
    """

    how_to_meet = (
        "make the model and its optimizer in the scope of tf.distribute.MultiWorkerMirroredStrategy"
    )

    def environment(self, launch: Launch, gang: Gang, rank: Rank) -> dict[str, str]:
        """Give torchrun's set, TF_CONFIG where there are several processes, and Keras's choice.

        The user's `env` wins for KERAS_BACKEND: without it a keras.json in somebody's home might
        have `tf.keras` run on torch.
        """
        own = super().environment(launch, gang, rank)
        if "KERAS_BACKEND" not in launch.env:
            own["KERAS_BACKEND"] = "tensorflow"
        if _has_several_processes(launch):
            own["TF_CONFIG"] = tf_config(gang, rank)
        return own

    def sees_own_gpus(self, launch: Launch) -> bool:
        """TensorFlow takes the memory of every GPU that it sees."""
        return _has_several_processes(launch)

    def ranks_listen(self, launch: Launch) -> bool:
        """Every process of TF_CONFIG is a server."""
        return _has_several_processes(launch)


def tf_config(gang: Gang, rank: Rank) -> str:
    """Who the workers are, and which of them this one is."""
    workers = [each.address for each in gang.ranks()]
    task = {"type": "worker", "index": rank.rank}
    return json.dumps({"cluster": {"worker": workers}, "task": task})


def _has_several_processes(launch: Launch) -> bool:
    return launch.strategy == "multi_worker_mirrored"
