"""What agents measure of nodes and ranks, by the real way: each sample once, whoever is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from machine import wait_until
from stack import Stack

from launcher.model.sample import Sample, sample_of
from launcher.transport import Connection

PROGRAM = """
import os, sys, time
end = os.path.join(os.environ["DIARY"], "end")
while not os.path.exists(end):
    sum(range(10**5)) if os.environ["RANK"] == "1" else time.sleep(0.01)
"""


class Measured:
    """One job's samples, as they lie on its nodes and as the server shows them."""

    def __init__(self, stack: Stack, job: str) -> None:
        self._stack, self._job = stack, job

    def written(self) -> dict[int, list[Sample]]:
        """By node, in the order of their lines."""
        found: dict[int, list[Sample]] = {}
        for path in self._stack.jobs_folder.glob(f"{self._job}@*/attempts/1/*.sampled"):
            samples = [sample_of(line) for line in path.read_bytes().splitlines()]
            whole = [sample for sample in samples if sample is not None]
            found[whole[0].node] = whole
        return found

    def stored(self, name: str) -> dict[int, list[tuple[float, float]]]:
        """Times and values of a series, by rank."""
        path = f"/api/v1/jobs/{self._job}/curves?kind=system&x=time&width=4000&name={name}"
        connection = Connection(self._stack.url, self._stack.token)
        curves: list[dict[str, Any]] = connection.request("GET", path).json()["curves"]
        connection.close()
        return {
            one["rank"]: list(zip(one["xs"], one["ys"], strict=True))
            for one in curves
            if one["name"] == name
        }

    def has(self, count: int) -> bool:
        loads = self.stored("node/load")
        return len(loads) == 2 and all(len(points) >= count for points in loads.values())


def test_a_killed_server_loses_and_doubles_no_sample(stack: Stack, tmp_path: Path) -> None:
    job = stack.submit(PROGRAM, workers=2, placement="spread", env={"DIARY": str(tmp_path)})
    measured = Measured(stack, job)
    stack.wait_for(job, lambda: measured.has(1), "a sample of both nodes")

    stack.server.kill()
    before = {node: len(samples) for node, samples in measured.written().items()}
    wait_until(
        lambda: all(len(measured.written()[node]) > before[node] for node in before),
        "samples while the server is dead",
    )
    while_dead = {node: len(samples) for node, samples in measured.written().items()}
    stack.start_server()
    stack.wait_for(job, lambda: measured.has(max(while_dead.values()) + 1), "later samples")

    stored, memory = measured.stored("node/load"), measured.stored("rank/memory")
    for node, samples in measured.written().items():
        told = [(sample.time, sample.values["node/load"]) for sample in samples]
        assert stored[node] == told[: len(stored[node])]
        ranks = [(one.time, one.ranks[node]["rank/memory"]) for one in samples if one.ranks]
        assert memory[node] == ranks[: len(memory[node])]

    (tmp_path / "end").touch()
    ended = stack.wait(job, "SUCCEEDED")
    idle, busy = ended.rank_usage
    assert (idle.rank, busy.rank) == (0, 1)
    assert idle.cpu is not None
    assert busy.cpu is not None
    assert busy.cpu > 2 * idle.cpu
    assert busy.peak_memory > 2**20
    assert not stack.client.metrics(job)
