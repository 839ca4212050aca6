"""Bodies on their way into the blobs: never whole in memory, never waiting in the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor, wait

from launcher.errors import ConflictError, LauncherError
from launcher.store.blobs import Blobs

_BLOCK = 1024 * 1024
_WRITERS = ThreadPoolExecutor(32, thread_name_prefix="upload")
"""Apart from the loop's own threads: a slow body keeps its one for minutes, and those few serve the
agents, whose leases run out meanwhile."""


async def put_blob(blobs: Blobs, digest: str, body: AsyncIterator[bytes]) -> int:
    """Store a body under its digest; gives its size. One that breaks off leaves nothing.

    One that is here already is read all the same: to have sent it gives a right to it.

    Raises:
        LauncherError: it does not have that digest, or the disk is full.
    """
    loop = asyncio.get_running_loop()

    def taken() -> Generator[bytes, None, None]:
        # The thread that writes pulls: the sender is never faster than the disk. One step ahead, so
        # that the loop receives while the thread hashes and writes.
        ahead = asyncio.run_coroutine_threadsafe(_next_pieces(body), loop)
        try:
            while pieces := ahead.result():
                ahead = asyncio.run_coroutine_threadsafe(_next_pieces(body), loop)
                yield from pieces
        finally:
            wait([ahead])  # two readers of one body would be an error

    def store() -> int:
        with contextlib.closing(taken()) as pieces:
            found = hashlib.sha256()
            size = blobs.put(digest, pieces)
            if inspect.getgeneratorstate(pieces) != inspect.GEN_CREATED:
                return size  # they were read, and are what the digest says
            for piece in pieces:
                found.update(piece)
        if found.hexdigest() != digest:
            raise ConflictError(f"what was sent is not blob {digest[:12]}: its digest is another")
        return size

    try:
        size = await loop.run_in_executor(_WRITERS, store)
    except LauncherError:
        await _pass_over(body)
        raise
    await _pass_over(body)
    return size


async def _next_pieces(body: AsyncIterator[bytes]) -> list[bytes]:
    """About a MiB as it came, for to join it would copy it; empty at the end."""
    pieces, size = [], 0
    async for piece in body:
        if piece:
            pieces.append(piece)
            size += len(piece)
        if size >= _BLOCK:
            break
    return pieces


async def _pass_over(body: AsyncIterator[bytes]) -> None:
    """Read what nobody needs: who is still sending would not hear the answer."""
    async for _ in body:
        pass
