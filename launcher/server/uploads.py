"""Bodies on their way into the blobs: never whole in memory, never waiting in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

from launcher.errors import LauncherError
from launcher.store.blobs import Blobs

_BLOCK = 1024 * 1024
_WRITERS = ThreadPoolExecutor(32, thread_name_prefix="upload")
"""Apart from the loop's own threads: a slow body keeps its one for minutes, and those few serve the
agents, whose leases run out meanwhile."""


async def put_blob(blobs: Blobs, digest: str, body: AsyncIterator[bytes]) -> int:
    """Store a body under its digest; gives its size. One that breaks off leaves nothing.

    Raises:
        LauncherError: it does not have that digest, or the disk is full.
    """
    loop = asyncio.get_running_loop()

    def taken() -> Iterator[bytes]:
        # The thread that writes pulls: the sender is never faster than the disk.
        while block := asyncio.run_coroutine_threadsafe(_next_block(body), loop).result():
            yield block

    try:
        size = await loop.run_in_executor(_WRITERS, blobs.put, digest, taken())
    except LauncherError:
        await _pass_over(body)
        raise
    await _pass_over(body)
    return size


async def _next_block(body: AsyncIterator[bytes]) -> bytes:
    """About a MiB; empty at the end."""
    block = bytearray()
    async for piece in body:
        block += piece
        if len(block) >= _BLOCK:
            break
    return bytes(block)


async def _pass_over(body: AsyncIterator[bytes]) -> None:
    """Read what nobody needs: who is still sending would not hear the answer."""
    async for _ in body:
        pass
