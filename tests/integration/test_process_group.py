"""launcher.train.pytorch with the real torch.distributed, alone and under torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import torch
import torch.distributed as dist
from launcher.train.pytorch import process_group

with process_group() as device:
    joined = dist.is_initialized()
    total = torch.ones(1, device=device)
    if joined:
        dist.all_reduce(total)
    if 'fail' in sys.argv:
        raise ValueError('the program failed')
with open(sys.argv[1] + str(dist.is_initialized()), 'a') as out:
    out.write(f'{device.type} {joined} {total.item():.0f}\\n')
"""


def run(
    tmp_path: Path, *prefix: str, more: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, *prefix, str(script), str(tmp_path / "in a group after: "), *more],
        env={"PATH": os.environ["PATH"], "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_alone_there_is_a_device_and_no_group(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 0
    assert (tmp_path / "in a group after: False").read_text() == "cpu False 1\n"


def test_several_join_and_all_leave(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "in a group after: False").read_text() == "cpu True 2\n" * 2


def test_an_exception_of_the_program_is_what_its_user_sees(tmp_path: Path) -> None:
    done = run(tmp_path, more=("fail",))
    assert done.returncode == 1
    assert "ValueError: the program failed" in done.stderr
