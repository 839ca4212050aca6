"""What a program finds around it: environment, GPUs, imports, signals, nodes."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from stack import Stack

ABOUT = """
import json, os, signal, sys, threading
print(json.dumps({
    "env": dict(os.environ),
    "argv": sys.argv,
    "main": __name__,
    "nice": os.nice(0),
    "session": os.getsid(0) == os.getpid(),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "ignored": [s.name for s in signal.Signals
                if s.name not in ("SIGPIPE", "SIGXFSZ")  # Python's own
                and signal.getsignal(s) == signal.SIG_IGN],
    "thread": threading.current_thread() is threading.main_thread(),
    "cwd": sorted(os.listdir()),
    "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1],
    "stdin": sys.stdin.read(),
}))
"""


def about(stack: Stack, workers: int = 2, **keys: Any) -> list[dict[str, Any]]:
    """What each rank found; half of them on each node."""
    job = stack.run(ABOUT, workers=workers, placement="spread", **keys)
    assert job.state == "SUCCEEDED", stack.story(job.id)
    return stack.answers(job.id, workers)


def test_a_program_runs_as_if_its_author_had_started_it(stack: Stack) -> None:
    found = about(stack, entrypoint=["train.py", "--name", "two words", "*"])
    for one in found:
        assert one["argv"] == ["train.py", "--name", "two words", "*"]
        assert one["main"] == "__main__"
        assert one["thread"]
        assert one["session"]
        assert one["nice"] == os.nice(0)
        assert one["blocked"] == one["ignored"] == []
        assert one["cwd"] == ["train.py"]
        assert one["fds"] == [0, 1, 2]
        assert one["stdin"] == ""


def test_a_rank_sees_torchruns_environment_and_none_of_rays(stack: Stack) -> None:
    found = about(stack, workers=4, env={"OMP_NUM_THREADS": "3", "MINE": "yes"})
    for rank, one in enumerate(found):
        env = one["env"]
        assert not [key for key in env if key.startswith("RAY_")]
        place = [env[key] for key in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")]
        assert place == [str(rank), str(rank % 2), "4", "2"]
        assert (env["GROUP_RANK"], env["NODE_RANK"]) == (str(rank // 2),) * 2
        assert (env["OMP_NUM_THREADS"], env["MINE"]) == ("3", "yes")
        assert env["MPLBACKEND"] == "Agg"
        assert "LAUNCHER_RESUME_FROM" not in env
    assert len({one["env"]["MASTER_PORT"] for one in found}) == 1


def test_spread_takes_both_nodes_and_pack_one(stack: Stack) -> None:
    nodes = {}
    for placement in ("spread", "pack"):
        job = stack.run(ABOUT, placement=placement)
        nodes[placement] = {node.node_id for node in job.nodes}
    assert nodes["spread"] == set(stack.nodes.node_ids)
    assert len(nodes["pack"]) == 1


def test_every_rank_sees_all_gpus_of_its_gang_on_its_node(stack: Stack) -> None:
    found = about(stack, workers=4, resources={"gpus_per_worker": 1})
    visible = [one["env"]["CUDA_VISIBLE_DEVICES"] for one in found]
    assert visible == ["0,1"] * 4


def test_two_jobs_on_a_node_see_different_gpus(stack: Stack) -> None:
    program = "import os, time\nprint(os.environ['CUDA_VISIBLE_DEVICES'], flush=True)\n"
    holding = program + "time.sleep(1000)"
    resources = {"gpus_per_worker": 1}
    jobs = [stack.submit(holding, workers=1, resources=resources) for _ in range(4)]
    seen = set()
    for job in jobs:
        stack.wait_for(job, lambda job=job: stack.client.log_streams(job), "its log")
        stack.wait_for(job, lambda job=job: stack.log(job), "its first line")
        seen.add((stack.client.job(job).nodes[0].node_id, stack.log(job).strip()))
    assert len(seen) == 4
    fifth = stack.submit(program, workers=1, resources=resources)
    stack.wait_for(fifth, lambda: stack.client.job(fifth).reason, "a reason to wait")
    assert "GPU" in (stack.client.job(fifth).reason or "")
    for job in jobs:
        stack.client.cancel(job, force=True)
    stack.wait(fifth, "SUCCEEDED")


def test_a_cpu_job_sees_no_gpu(stack: Stack) -> None:
    [found] = about(stack, workers=1)
    assert found["env"]["CUDA_VISIBLE_DEVICES"] == ""


def test_files_of_the_users_are_his_whatever_their_names(stack: Stack) -> None:
    """Also ours keep finding our own, whatever lies in the folder that they work in."""
    own = "mine = True\n"
    job = stack.run(
        {
            "train.py": "import launcher, jobs, ray, signal, json\n"
            "print(json.dumps([launcher.mine, jobs.mine, ray.mine]))\n",
            "launcher/__init__.py": own,
            "jobs/__init__.py": own,
            "ray.py": own,
            "json/__init__.py": "def dumps(x): return '[true, true, true]' if all(x) else 'null'\n",
        }
    )
    assert job.state == "SUCCEEDED", stack.story(job.id)
    assert stack.answers(job.id, 2) == [[True] * 3] * 2


def test_the_reporting_part_of_launcher_is_there_and_nothing_else_of_it(stack: Stack) -> None:
    program = """
import importlib.util, json, sys, launcher
launcher.report(step=1, loss=0.5)
print(json.dumps([sorted(m for m in sys.modules if m.startswith("launcher"))]))
"""
    job = stack.run(program, workers=1)
    [modules] = stack.answers(job.id, 1)[0]
    assert "launcher.train.reports" in modules
    assert all(m == "launcher" or m.startswith("launcher.train") for m in modules)
    [loss] = stack.client.metrics(job.id, name="loss")
    assert [point[:2] for point in loss.points] == [(1, 0.5)]


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        ("-m pack.program 1 2", b"pack/program.py 1 2\n"),
        ("python -u train.py 3", b"train.py 3\n"),
    ],
)
def test_programs_start_in_every_way_that_python_knows(
    stack: Stack, entrypoint: str, expected: bytes
) -> None:
    tell = "import os, sys; print(os.path.relpath(sys.argv[0]), *sys.argv[1:])"
    files = {"train.py": tell, "pack/__init__.py": "", "pack/program.py": tell}
    job = stack.run(files, entrypoint=entrypoint, workers=1)
    assert stack.log(job.id) == expected


def test_a_shell_script_runs_once_for_each_worker(stack: Stack) -> None:
    script = "echo $RANK of $WORLD_SIZE\nfalse\necho never\n"
    job = stack.run({}, framework="command", entrypoint=script)
    assert job.state == "FAILED"
    assert {stack.log(job.id, rank) for rank in (0, 1)} == {b"0 of 2\n", b"1 of 2\n"}


def test_a_shell_script_calls_the_jobs_own_python(stack: Stack) -> None:
    script = "python -c 'import sys; print(sys.prefix)'\necho $VIRTUAL_ENV\n"
    job = stack.run({}, framework="command", entrypoint=script, workers=1)
    expected = sys.prefix if sys.prefix != sys.base_prefix else ""
    assert stack.log(job.id).decode().splitlines() == [sys.prefix, expected]
