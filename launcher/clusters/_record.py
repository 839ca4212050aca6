"""What is written down about an embedded cluster, and what can be told from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from launcher.clusters import _probe, _processes
from launcher.clusters._processes import Process, ProcessStat

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_HEAD = "gcs_server"
_VITAL = (_HEAD, "raylet")


@dataclass(frozen=True)
class Record:
    """Written as soon as the leader of its session exists, and again when Ray is up."""

    leader: Process
    temp_dir: Path
    host: str = ""
    port: int = 0
    """Of the head; 0 until it is up."""

    vital: tuple[Process, ...] = ()
    """The processes without which there is no cluster."""

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record, unless there is none or it is of an earlier boot of the machine."""
        try:
            fields = json.loads(path.read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(fields, dict) or fields.pop("boot", None) != _boot_id():
            return None
        fields["leader"] = Process(**fields["leader"])
        fields["vital"] = tuple(Process(**process) for process in fields["vital"])
        fields["temp_dir"] = Path(fields["temp_dir"])
        return cls(**fields)

    def write(self, path: Path) -> None:
        fields = asdict(self) | {"temp_dir": str(self.temp_dir), "boot": _boot_id()}
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(fields))
        draft.replace(path)

    def located(self) -> Record | None:
        """With the address that Ray has written down and the processes it stands on, all alive."""
        try:
            address = (self.temp_dir / "ray_current_cluster").read_text()
        except OSError:
            return None
        host, port = _probe.split_address(address.strip())
        found = {member.name: member.process for member in self.members()}
        if not all(name in found for name in _VITAL):
            return None
        vital = tuple(found[name] for name in _VITAL)
        return replace(self, host=host, port=port, vital=vital)

    def is_alive(self) -> bool:
        return bool(self.vital) and all(_processes.alive(process) for process in self.vital)

    def answers(self, timeout_s: float) -> bool:
        return _probe.answers(self.host, self.port, timeout_s=timeout_s)

    def members(self) -> set[ProcessStat]:
        """Ray's own processes: head, raylet, their agents, and the workers in which ours live."""
        return _processes.in_session(self.leader, self.temp_dir, _processes.snapshot())

    def preloaded(self) -> set[Process]:
        """Interpreters that wait for the next jobs of this raylet, in sessions of their own.

        `launcher/executor/preloaded.py` begins them in a folder that is called after it.
        """
        if not self.vital:
            return set()
        folder = "preloaded", str(self.vital[_VITAL.index("raylet")].pid)
        everyone = _processes.snapshot().values()
        here = (seen.process for seen in everyone)
        return {process for process in here if _processes.place_of(process)[-2:] == folder}

    def processes(self) -> set[Process]:
        """The members and all that they have started."""
        return {seen.process for seen in self._with_descendants()}

    def all_but_head(self) -> set[Process]:
        return {seen.process for seen in self._with_descendants() if seen.name != _HEAD}

    def _with_descendants(self) -> set[ProcessStat]:
        everyone = _processes.snapshot()
        members = _processes.in_session(self.leader, self.temp_dir, everyone)
        return _processes.with_descendants(members, everyone)


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()
