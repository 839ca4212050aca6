"""Whether the ranks of a gang meet: a program that never joins them is trained by each alone.

It is seen from outside, in the kernel's table of connections: a port that was ever open stays there
for a minute after its close, so a look now and then, and one after the last exit, miss no program,
however short. Who cannot be judged so (another network namespace) is left in peace.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from launcher.executor.sockets import connections, names_port, talk
from launcher.frameworks.base import Framework
from launcher.model.gang import Gang
from launcher.model.metric import parse_record, progress_of

_SPOOL_TAIL = 65536
_STEPS_OF_A_TRAINING = 2
"""One report may be of what lies before the training, as the size of its data."""


def read_tables() -> list[str]:
    """The connections of this process's network, of both families."""
    return [_text(Path("/proc/self/net", name)) for name in ("tcp", "tcp6")]


class Meeting:
    """Looks, in a thread of its own, until the ranks have met or the attempt is over.

    Args:
        gang: of the attempt; this is the node of rank 0.
        framework: of the job.
        spool: what rank 0 reports into.
        pids: process of each rank of this node, by rank, as far as they were started.
        warn: called at most once, with the words for the user.
        came: whether ranks came to the rendezvous that this agent keeps; None where rank 0 is to
            open MASTER_PORT.
        tables: of the kernel.
    """

    def __init__(
        self,
        gang: Gang,
        framework: Framework,
        spool: Path,
        *,
        pids: Callable[[], Mapping[int, int]],
        warn: Callable[[str], None],
        came: Callable[[], bool] | None = None,
        tables: Callable[[], list[str]] = read_tables,
    ) -> None:
        self._gang, self._framework, self._spool = gang, framework, spool
        self._pids, self._warn, self._tables = pids, warn, tables
        self._came = came
        # Raylets that share a machine share its address: those nodes are not elsewhere.
        self._elsewhere = {node.address for node in gang.nodes} - {gang.master_addr}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._is_settled = False
        self._thread = threading.Thread(target=self._look_on, name="meeting", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self, *, ended_well: bool) -> None:
        """All ranks of the gang are over; `ended_well`: each exited with 0."""
        self._over.set()
        self.look(is_training=ended_well and self._framework.is_always_training)

    def _look_on(self) -> None:
        began = time.monotonic()
        while not self._is_settled and not self._over.wait(pause_s(time.monotonic() - began)):
            self.look()

    def look(self, *, is_training: bool = False) -> None:
        """Warn if the ranks train and have not met; `is_training`: for certain."""
        with self._lock:
            if self._is_settled:
                return
            # First the steps: what was opened before they were reported is then in the tables.
            trains = is_training or _trains(self._spool)
            self._is_settled = self._have_met()
            if trains and not self._is_settled:
                self._is_settled = True
                self._warn(words(self._gang.world_size, self._framework))

    def _have_met(self) -> bool:
        pids = dict(self._pids())
        if any(_is_in_another_network(pid) for pid in pids.values()):
            return True
        tables = self._tables()
        if self._came() if self._came else self._is_port_known(tables):
            return True
        owners = {inode: rank for rank, pid in pids.items() for inode in _sockets_of(pid)}
        found = [one for table in tables for one in connections(table)] if owners else []
        return talk(found, owners, self._elsewhere)

    def _is_port_known(self, tables: list[str]) -> bool:
        return any(names_port(table, self._gang.master_port) for table in tables)


def pause_s(age_s: float) -> float:
    """Between two looks: often while programs begin, and never so seldom that a close is missed.

    >>> pause_s(1.0), pause_s(30.0), pause_s(3600.0)
    (0.25, 1.0, 10.0)
    """
    if age_s < 10.0:
        return 0.25
    return 1.0 if age_s < 60.0 else 10.0


def words(world_size: int, framework: Framework) -> str:
    """What the user is told; in every attempt the same."""
    what = "came to the rendezvous" if framework.keeps_rendezvous else "opened MASTER_PORT"
    return (
        f"your program is not distributed: no rank {what}, so unless they talk some"
        f" other way each of the {world_size} ranks trained alone; {framework.how_to_meet},"
        " or set resources.workers to 1"
    )


def _trains(spool: Path) -> bool:
    """Whether rank 0 has reported so many steps that it trains."""
    try:
        with spool.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _SPOOL_TAIL))
            tail = file.read(_SPOOL_TAIL)
    except OSError:
        return False
    records = [record for line in tail.splitlines() if (record := parse_record(line)) is not None]
    steps = {told.step for record in records if (told := progress_of(record)) is not None}
    return len(steps) >= _STEPS_OF_A_TRAINING


def _is_in_another_network(pid: int) -> bool:
    """Whether a process has a network of its own, whose connections are not in our table."""
    try:
        own, its = (Path(f"/proc/{who}/ns/net").stat().st_ino for who in ("self", pid))
    except OSError:
        return False  # it has ended
    return own != its


def _sockets_of(pid: int) -> Iterator[int]:
    """Inodes of the sockets that a process holds."""
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
