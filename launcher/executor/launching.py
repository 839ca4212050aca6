"""What the ranks of an attempt are started with on one node."""

from __future__ import annotations

from collections.abc import Mapping

from launcher.executor import surroundings
from launcher.executor.folders import JobFolder
from launcher.executor.ranks import RankStart
from launcher.frameworks import load as load_framework
from launcher.frameworks.base import layered
from launcher.model.gang import Gang
from launcher.model.launch import Launch
from launcher.model.wire import CheckpointRef


def rank_starts(
    launch: Launch,
    gang: Gang,
    folder: JobFolder,
    *,
    node: int,
    attempt: int,
    allocation: str,
    python: str,
    resume: CheckpointRef | None,
    secrets: Mapping[str, str],
) -> list[RankStart]:
    """Arguments and environment of every rank of the gang on this node.

    Args:
        launch: the job as it shall be launched.
        gang: of the attempt.
        folder: the job's on this node.
        node: index of this one in the allocation.
        attempt: number of the attempt.
        allocation: marks every process of it.
        python: the ranks' interpreter.
        resume: the checkpoint that is in place.
        secrets: by their names in the environment.
    """
    framework = load_framework(launch.framework)
    starts = []
    for rank in gang.on_node(node):
        own = framework.environment(launch, gang, rank)
        own |= surroundings.rank_environment(
            launch,
            folder,
            attempt=attempt,
            rank=rank.rank,
            allocation=allocation,
            resume=resume,
        )
        env = layered(surroundings.node_environment(python), launch, own) | dict(secrets)
        argv = framework.argv(launch, python)
        starts.append(RankStart(rank.rank, argv, env, folder.work))
    return starts


def environment_before_gang(
    launch: Launch,
    folder: JobFolder,
    *,
    attempt: int,
    rank: int,
    allocation: str,
    python: str,
    secrets: Mapping[str, str],
) -> dict[str, str]:
    """The environment of a rank as far as it is known before its gang is: all but the peers.

    Args:
        launch: the job.
        folder: its files on this node.
        attempt: number of the attempt.
        rank: number of the rank.
        allocation: marks every process of it.
        python: the ranks' interpreter.
        secrets: by their names in the environment.
    """
    own = surroundings.rank_environment(
        launch,
        folder,
        attempt=attempt,
        rank=rank,
        allocation=allocation,
        resume=None,
    )
    return layered(surroundings.node_environment(python), launch, own) | dict(secrets)
