"""The disk of a server fills up: it says so, loses nothing that it took, and goes on with room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import wait_until
from ray_nodes import RayNodes
from ray_view import RayView
from stack import Stack

from launcher.errors import DiskFullError

pytestmark = pytest.mark.apart

TALKS = """
import os, pathlib, time
import launcher
here = pathlib.Path(os.environ["HERE"])
step = 0
while not (here / "finish").exists():
    step += 1
    launcher.report(step, value=step * 2)
    print("step", step, "x" * 200, flush=True)  # the last MiB shall outlast this test's questions
    if (here / "save").exists() and step % 20 == 0:
        with launcher.checkpoint(step) as draft:
            (draft / "weights").write_bytes(os.urandom(100_000))
    (here / "done").write_text(str(step))
    time.sleep(0.01)
"""
MIB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def stack_on_it(small_disk: Path, tmp_path: Path) -> Iterator[Stack]:
    with RayNodes(tmp_path / "nodes", cpus=[2], gpus=[0]) as nodes:
        stack = Stack(tmp_path, nodes, RayView(nodes.address, tmp_path / "view.log"))
        assert stack.state_dir == small_disk
        try:
            stack.start()
            yield stack
        finally:
            Disk(small_disk).free_up()  # a failed test's jobs are ended too
            stack.end()


class Disk:
    """A disk with a file that takes all but so many bytes of it."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler.log"  # no part of the state

    def leave(self, free: int) -> None:
        self.free_up()
        with self._filler.open("wb", buffering=0) as file:  # nothing is left to write at its close
            block = b"x" * 2**16
            try:
                while _free(self._filler.parent) > free:
                    file.write(block)
            except OSError:
                pass  # to the last byte

    def free_up(self) -> None:
        self._filler.unlink(missing_ok=True)


def _free(folder: Path) -> int:
    done = subprocess.run(
        ["stat", "-f", "-c", "%a %S", folder], capture_output=True, text=True, check=True
    )
    blocks, size = map(int, done.stdout.split())
    return blocks * size


def test_a_full_disk_is_told_and_nothing_is_lost(
    stack_on_it: Stack, small_disk: Path, tmp_path: Path
) -> None:
    stack, client, disk = stack_on_it, stack_on_it.client, Disk(small_disk)
    job = stack.submit(TALKS, workers=1, env={"HERE": str(tmp_path)}, timeouts={"grace": 1})

    def done() -> int:
        path = tmp_path / "done"
        return int(path.read_text() or 0) if path.exists() else 0

    def taken() -> int:
        return sum(stream.length for stream in client.log_streams(job))

    stack.wait_for(job, taken, "its first words")
    disk.leave(2 * MIB)  # less than the last twentieth
    # Not by submitting until one is refused: it looks once a second, and thirty jobs fill it.
    wait_until(lambda: client.server() and "jobs are refused" in client.notice, "a full disk")
    assert "nearly full" in client.notice
    with pytest.raises(DiskFullError, match="no room for"):
        stack.submit("print(1)", workers=1)
    before = taken()
    stack.wait_for(job, lambda: taken() > before, "words of the job that runs")

    (tmp_path / "save").touch()
    stack.wait_for(
        job,
        lambda: any("waits: no room" in event.text for event in client.events(job)),
        "the word that a checkpoint waits",
    )
    disk.leave(0)
    step = done()
    wait_until(lambda: done() > step + 200, "steps while there is no room at all")
    assert client.job(job).state == "RUNNING"

    disk.free_up()
    stack.wait_for(job, lambda: client.checkpoints(job), "the checkpoint that waited")
    (tmp_path / "finish").touch()
    ended = stack.wait(job, "SUCCEEDED")
    assert len(ended.attempts) == 1
    last = done()
    printed = b"".join(b"step %d %s\n" % (n, b"x" * 200) for n in range(1, last + 1))
    assert stack.log(job) == printed
    (series,) = client.metrics(job, name="value", raw=True)
    assert [(point[0], point[1]) for point in series.points] == [
        (n, n * 2) for n in range(1, last + 1)
    ]
    assert stack.submit("print(1)", workers=1)
