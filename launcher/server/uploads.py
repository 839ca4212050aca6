"""Bodies on their way into the blobs: never whole in memory, never waiting in the event loop."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator

from launcher.store.blobs import Blobs

_BLOCKS_AHEAD = 8


async def put_blob(blobs: Blobs, digest: str, body: AsyncIterator[bytes]) -> int:
    """Store a body under its digest; gives its size.

    Raises:
        LauncherError: it does not have that digest, or the disk is full.
    """
    blocks: queue.Queue[bytes | None] = queue.Queue(_BLOCKS_AHEAD)
    writing = asyncio.create_task(asyncio.to_thread(blobs.put, digest, _taken(blocks)))
    arrived = False
    try:
        async for block in body:
            if block:
                await _hand_over(blocks, block, writing)
        arrived = True
    finally:
        # A body that broke off gives another digest, so that half a blob is never stored.
        await _hand_over(blocks, None if arrived else b"\0broken off", writing)
        if not arrived:
            await _hand_over(blocks, None, writing)
    return await writing


async def _hand_over(
    blocks: queue.Queue[bytes | None], block: bytes | None, writing: asyncio.Task[int]
) -> None:
    """Give the writer a block; it may have ended already (disk full)."""
    while not writing.done():
        try:
            blocks.put_nowait(block)
        except queue.Full:
            await asyncio.sleep(0.002)
        else:
            return


def _taken(blocks: queue.Queue[bytes | None]) -> Iterator[bytes]:
    while (block := blocks.get()) is not None:
        yield block
