"""Our environment beside that of a real torchrun, for the same layout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.frameworks import load
from launcher.model.gang import Gang, GangNode
from launcher.model.launch import Entrypoint, Launch

DUMP = """
import json, os, sys
open(os.path.join(sys.argv[1], os.environ['RANK']), 'w').write(json.dumps(dict(os.environ)))
"""

OURS_ONLY = {
    "NODE_RANK",  # torchrun takes it as a flag; older scripts read it as a variable
    "CUDA_VISIBLE_DEVICES",  # torchrun inherits it; an allocation is never the whole node's GPUs
    "GLOO_SOCKET_IFNAME",  # torchrun leaves the choice to the library, which may take the wrong one
    "NCCL_SOCKET_IFNAME",
}
THEIRS_ONLY = {
    "TORCHELASTIC_ERROR_FILE",  # a path of the node: our agent adds it
    "TORCHELASTIC_SIGNALS_TO_HANDLE",  # which signals torchrun's own agent catches
}
PER_RUN = {
    "MASTER_ADDR",  # torchrun takes the host's name where we take the address that Ray knows
    "MASTER_PORT",  # chosen freely on both sides
    "TORCHELASTIC_RUN_ID",  # torchrun without --rdzv-id makes one up; ours is the job's id
    "TORCHELASTIC_USE_AGENT_STORE",  # torchrun's agent lends its store; ours has none
}


def torchrun(tmp_path: Path, *flags: str) -> list[dict[str, str]]:
    """What torchrun adds to the environment of each of its ranks."""
    script, out = tmp_path / "dump.py", tmp_path / "out"
    script.write_text(DUMP)
    out.mkdir()
    inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    command = [sys.executable, "-m", "torch.distributed.run", *flags, str(script), str(out)]
    subprocess.run(command, env=inherited, check=True, timeout=120, capture_output=True)
    found = [json.loads(path.read_text()) for path in sorted(out.iterdir())]
    return [{key: env[key] for key in env if inherited.get(key) != env[key]} for env in found]


def ours(max_restarts: int) -> list[dict[str, str]]:
    launch = Launch(
        "digits-k3m9ap",
        "digits",
        "pytorch",
        Entrypoint("script", ("dump.py",)),
        workers=2,
        max_restarts=max_restarts,
    )
    gang = Gang(launch.job_id, 1, (GangNode(0, "127.0.0.1", 2, (), "lo"),), 29400)
    framework = load("pytorch")
    return [framework.environment(launch, gang, rank) for rank in gang.ranks()]


@pytest.mark.parametrize(
    ("flags", "max_restarts"),
    [
        (("--standalone", "--nproc-per-node", "2"), 0),
        (("--nnodes", "1", "--nproc-per-node", "2", "--max-restarts", "3"), 3),
    ],
    ids=["standalone", "by layout"],
)
def test_a_rank_cannot_tell_our_environment_from_that_of_torchrun(
    tmp_path: Path, flags: tuple[str, ...], max_restarts: int
) -> None:
    theirs = torchrun(tmp_path, *flags)
    assert len(theirs) == 2
    for found, expected in zip(ours(max_restarts), theirs, strict=True):
        assert set(found) - set(expected) == OURS_ONLY
        assert set(expected) - set(found) == THEIRS_ONLY
        different = {key for key in set(found) & set(expected) if found[key] != expected[key]}
        assert different == PER_RUN
