"""Who waits for a change hears of it, of the end of its patience, and that it is to end."""

from __future__ import annotations

import asyncio

import pytest

from launcher.server.notify import Listener


def test_a_change_is_heard_once_also_when_it_came_before() -> None:
    async def story() -> list[bool]:
        listener = Listener()
        listener.changed()
        return [await listener.wait(5.0), await listener.wait(0.0), listener.take()]

    assert asyncio.run(story()) == [True, False, False]


@pytest.mark.parametrize("turns", range(6))
def test_who_is_told_to_end_ends_although_something_changes_at_the_same_moment(turns: int) -> None:
    async def story() -> bool:
        listener = Listener()
        waiting = asyncio.create_task(listener.wait(5.0))
        for _ in range(3):
            await asyncio.sleep(0)
        listener.changed()
        for _ in range(turns):
            await asyncio.sleep(0)
        is_told = waiting.cancel()
        await asyncio.wait({waiting})
        return waiting.cancelled() == is_told

    assert asyncio.run(story())
