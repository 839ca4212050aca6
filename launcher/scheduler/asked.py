"""Whether gangs have a place, asked once of each that is alike."""

from __future__ import annotations

from collections.abc import Hashable

from launcher.model.job import Resources
from launcher.scheduler.place import has_place
from launcher.scheduler.room import Room


class Asked:
    """Answers that hold until a room becomes larger, or smaller."""

    def __init__(self) -> None:
        self._yes: set[Hashable] = set()
        self._no: set[Hashable] = set()

    def has_place(self, resources: Resources, room: Room) -> bool:
        """True when the gang has a place; the room is the same each time, but for its changes."""
        key = resources.footprint
        if key in self._no:
            return False
        if key in self._yes:
            return True
        found = has_place(resources, room)
        (self._yes if found else self._no).add(key)
        return found

    def grown(self) -> None:
        """There may be more room than before."""
        self._no.clear()

    def shrunk(self) -> None:
        """There may be less room than before."""
        self._yes.clear()

    def beside(self) -> Asked:
        """What is known of a room that is smaller."""
        less = Asked()
        less._no = set(self._no)
        return less
