"""What every rank finds in its environment whatever its framework, and where its files lie. Pure.

The agent starts ranks with it; the server foretells it (`launcher plan`). Paths are text below the
job's folder on a node: the executor alone knows where that is (`executor/folders.py`).
"""

from __future__ import annotations

from launcher.model.launch import Launch


def attempt_path(number: int) -> str:
    """The folder of an attempt, below its job's."""
    return f"attempts/{number}"


def checkpoints_path(attempt: int) -> str:
    """Where `launcher.checkpoint` writes."""
    return f"{attempt_path(attempt)}/checkpoints"


def spool_path(attempt: int, rank: int) -> str:
    """The file that a rank reports into."""
    return f"{attempt_path(attempt)}/rank-{rank}.spool"


def error_path(attempt: int, rank: int) -> str:
    """Where a program says in its own words what it failed of, as torch does."""
    return f"{attempt_path(attempt)}/rank-{rank}.error"


def resume_path(checkpoint_id: int) -> str:
    """A committed checkpoint, verified."""
    return f"resume/{checkpoint_id}"


def of_rank(
    launch: Launch,
    *,
    folder: str,
    sdk: str,
    attempt: int,
    rank: int,
    allocation: str,
    resume: int | None,
    node_path: str = "",
) -> dict[str, str]:
    """LAUNCHER_* of one rank, and what makes its output and its pictures come out well.

    Args:
        launch: the job. Its PYTHONPATH stands in place of the node's.
        folder: the job's on its node.
        sdk: folder of what `import launcher` finds.
        attempt: number of the attempt.
        rank: number of the rank.
        allocation: marks every process of it.
        resume: id of the checkpoint that is in place.
        node_path: PYTHONPATH of the node.
    """
    written = launch.env.get("PYTHONPATH", node_path)
    env = {
        "LAUNCHER_JOB_ID": launch.job_id,
        "LAUNCHER_ATTEMPT": str(attempt),
        "LAUNCHER_ALLOCATION": allocation,
        "LAUNCHER_CHECKPOINT_DIR": f"{folder}/{checkpoints_path(attempt)}",
        "LAUNCHER_SPOOL": f"{folder}/{spool_path(attempt, rank)}",
        "TORCHELASTIC_ERROR_FILE": f"{folder}/{error_path(attempt, rank)}",
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        "PYTHONPATH": f"{written}:{sdk}" if written else sdk,
    }
    if resume is not None:
        env["LAUNCHER_RESUME_FROM"] = f"{folder}/{resume_path(resume)}"
    return env | of_array(launch)


def of_array(launch: Launch) -> dict[str, str]:
    """Which element of its array the job is; empty where it is none."""
    if not launch.array_id:
        return {}
    return {
        "LAUNCHER_ARRAY_ID": launch.array_id,
        "LAUNCHER_ARRAY_INDEX": str(launch.array_index),
        "LAUNCHER_ARRAY_COUNT": str(launch.array_count),
    }
