"""Coming from torchrun and going back to it: the same gang, by real processes both ways."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stack import PROGRAMS, Stack

from launcher.spec.build import spec_from_command
from launcher.spec.translation.torchrun import FLAGS

PROGRAM = PROGRAMS / "gather.py"


def launcher(stack: Stack, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command of a user of this server."""
    environment = os.environ | {"LAUNCHER_SERVER": stack.url, "LAUNCHER_TOKEN": stack.token} | more
    return subprocess.run(
        [sys.executable, "-m", "launcher", *words],
        env=environment,
        cwd=stack.folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def scripts(text: str) -> list[str]:
    """What is typed on each node."""
    return [part for part in re.split(r"^# node .*$", text, flags=re.MULTILINE) if part.strip()]


def run_bare(texts: list[str], *, host: str = "") -> str:
    """Types each script into a shell, all at once; gives all output. `host`: the first node's."""
    strip = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in strip}
    shells = [
        subprocess.Popen(
            ["bash", "-e", "-c", re.sub(r"--master-addr \S+", f"--master-addr {host}", text)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        for text in texts
    ]
    outputs = [shell.communicate(timeout=600)[0] for shell in shells]
    assert [shell.returncode for shell in shells] == [0] * len(shells), outputs
    return "".join(outputs)


def said(output: str) -> set[str]:
    return {line.strip() for line in output.splitlines() if line.startswith("rank ")}


@pytest.mark.parametrize("nodes", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_bare_lines_of_a_job_do_what_the_job_did(stack: Stack, nodes: int) -> None:
    workdir = stack.folder / f"leaving-{nodes}"
    workdir.mkdir()
    (workdir / "train.py").write_bytes(PROGRAM.read_bytes())
    job = stack.run(
        workdir,
        entrypoint="train.py --tag 'two words'",
        workers=2,
        env={"GREETING": "it's here"},
        resources={"nodes": nodes},
    )
    assert job.state == "SUCCEEDED", stack.story(job.id)
    ours = said("".join(stack.log(job.id, rank).decode() for rank in range(2)))
    assert ours == {f"rank {rank} of 2 sum 1 --tag two words it's here" for rank in range(2)}
    shown = launcher(stack, "show", job.id, "--torchrun")
    assert shown.returncode == 0, shown.stderr
    texts = scripts(shown.stdout) if nodes > 1 else [shown.stdout]
    assert len(texts) == nodes
    assert said(run_bare(texts, host="127.0.0.1")) == ours


def test_a_torchrun_line_runs_without_yaml_and_is_cloned_watched_and_removed(
    stack: Stack, tmp_path: Path
) -> None:
    (stack.folder / "gather.py").write_bytes(PROGRAM.read_bytes())
    line = ["torchrun", "--nproc-per-node", "2", "--standalone", "gather.py", "-x"]
    saved = tmp_path / "job.yaml"
    flags = ["-g", "0", "--set", f"python.interpreter={sys.executable}", "--save", str(saved)]
    run = launcher(stack, "run", *flags, "--", *line)
    assert run.returncode == 0, run.stderr
    assert said(run.stdout.replace("\r", "")) or "sum 1 -x" in run.stdout
    assert "entrypoint: gather.py -x" in saved.read_text()
    job = next(one.id for one in stack.client.jobs() if one.name == "gather")  # the newest
    stack.submitted.append(job)

    clone = launcher(stack, "clone", job, "--set", "resources.workers=1")
    assert clone.returncode == 0, clone.stderr
    assert "resources.workers: 2 -> 1" in clone.stderr
    again = clone.stdout.strip()
    stack.submitted.append(again)
    stack.wait(again, "SUCCEEDED")
    assert b"rank 0 of 1 sum 0 -x" in stack.log(again, 0)

    seen = json.loads(launcher(stack, "top", "-o", "json").stdout)
    assert sum(node["cpus"] for node in seen["clusters"][0]["nodes"]) == 12
    assert "ok" in launcher(stack, "doctor").stdout

    stack.assert_nothing_is_left()
    for one in (job, again):
        stack.wait_for(one, lambda one=one: _is_free(stack, one), "its resources given back")
    removed = launcher(stack, "rm", "-y", job, again)
    assert removed.returncode == 0, removed.stderr
    assert launcher(stack, "show", job).returncode == 3
    logs = stack.state_dir / "logs"
    assert not (logs / job).exists()
    assert not (logs / again).exists()


def _is_free(stack: Stack, job: str) -> bool:
    told = launcher(stack, "rm", "--dry-run", job)
    return told.returncode == 0


def test_every_flag_of_the_installed_torchrun_is_read_or_refused_by_name() -> None:
    code = (
        "from torch.distributed.run import get_args_parser\n"
        "print(*get_args_parser()._option_string_actions)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    flags = {"--" + name[2:].replace("_", "-") if name.startswith("--") else name
             for name in done.stdout.split()}  # fmt: skip
    assert flags - set(FLAGS) == {"-h", "--help"}


def test_torchrun_itself_counts_as_the_spec_does(tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    # Each in one write: torchrun's processes share one pipe.
    script.write_text("import os; os.write(1, f\"of {os.environ['WORLD_SIZE']}\\n\".encode())\n")
    line = ["--nproc-per-node=3", "--max_restarts", "2", "-r0", "--tee=0", "--", str(script)]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *line],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    line[-1] = "count.py"
    spec = spec_from_command(["torchrun", *line], check_files=False)
    assert done.stdout.split() == ["of", str(spec.resources.workers)] * 3
    assert spec.retries.max == 2
