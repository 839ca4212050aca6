"""The processes that launcher keeps beside the training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from embedded import Embedded
from measuring import wait_until

from launcher.clusters import _processes
from launcher.clusters._processes import Process
from launcher.clusters._record import Record


def background(cluster: Embedded, rank: int | None = None) -> Iterator[tuple[Process, str]]:
    """Every process of an embedded cluster that trains nothing, with its name.

    Args:
        cluster: whose processes.
        rank: pid of a rank of the running job, if one runs: its agent and keeper come too.
    """
    for name in ("server", "executor"):
        record = json.loads((cluster.state_dir / f"{name}.json").read_text())
        yield Process(record["pid"], record["start"]), name
    keeper = agent = None
    if rank is not None:
        keeper = _processes.stat(_parent(rank))
        assert keeper is not None
        agent = keeper.parent
        yield keeper.process, "keeper"
    ray = Record.read(cluster.state_dir / "ray" / "ray.json")
    assert ray is not None
    for member in ray.members():
        is_agent = member.process.pid == agent
        yield member.process, "agent" if is_agent else _ray_name(member.process.pid)


def await_rest(cluster: Embedded) -> None:
    """Wait until the node has replaced what the last job took of it: the waiting worker of Ray."""
    wait_until(lambda: "Ray: ray::IDLE" in dict(background(cluster)).values(), "a waiting worker")


def _ray_name(pid: int) -> str:
    """`Ray: gcs_server`; of the workers that wait for an actor, the title that Ray gives them."""
    words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    title = words[0].rpartition("/")[2] if words else "?"
    scripts = [word.rpartition("/")[2] for word in words if word.endswith(".py")]
    return f"Ray: {scripts[0] if title.startswith('python') and scripts else title}"


def _parent(pid: int) -> int:
    found = _processes.stat(pid)
    assert found is not None
    return found.parent
