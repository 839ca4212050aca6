"""Bytes on their way from one who gives to one who takes, through the server's memory. Pure."""

from __future__ import annotations

from launcher.errors import ConflictError, SpecError
from launcher.model.visit import LARGEST_PIECE


class Window:
    """A stream of bytes of which a bounded part is here: none is lost, and none comes twice.

    Both sides count from the stream's beginning, so each may repeat a request whose answer it did
    not get. Whoever gives waits as long as `limit` bytes were not taken: that is the back pressure.
    As many taken bytes stay, for one who takes and whose connection broke under the last of them.
    """

    def __init__(self, limit: int = LARGEST_PIECE) -> None:
        self.end = 0
        """Bytes that were given so far."""
        self.is_complete = False
        """Nothing more will be given."""
        self._limit = limit
        self._start = self._taken = 0
        self._data = bytearray()

    def give(self, offset: int, data: bytes) -> bool:
        """Add what continues the stream; what is there already is left out.

        Returns:
            Whether it is in the stream now; else there is no room at present.

        Raises:
            SpecError: bytes between the end and `offset` are missing, or it is too much at once.
        """
        if offset > self.end:
            raise SpecError(f"bytes {self.end} to {offset} of the stream were not given")
        if len(data) > self._limit:
            raise SpecError(f"more than {self._limit} bytes at once")
        fresh = data[self.end - offset :]
        if fresh and self.end - self._taken + len(fresh) > self._limit:
            return False
        self._data += fresh
        self.end += len(fresh)
        return True

    def take(self, offset: int, most: int = LARGEST_PIECE) -> bytes:
        """What is here from `offset` on.

        Raises:
            ConflictError: some of it is not here any more.
            SpecError: so much was never given.
        """
        if offset > self.end:
            raise SpecError(f"the stream has {self.end} bytes, not {offset}")
        if offset < self._start:
            lost = self._start - offset
            raise ConflictError(f"{lost} bytes were lost when the connection broke")
        data = bytes(self._data[offset - self._start : offset - self._start + most])
        self._taken = max(self._taken, offset + len(data))
        drop = self._taken - self._limit - self._start
        if drop > 0:
            del self._data[:drop]
            self._start += drop
        return data

    def is_told(self, offset: int) -> bool:
        """Whether the stream is complete, and `offset` its end."""
        return self.is_complete and offset == self.end
