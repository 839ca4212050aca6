"""Requests that wait while the server is told to end, as uvicorn ends them: by a cancellation."""

import asyncio
import json
import logging

import pytest

from launcher.server.ending import Ending, is_failure

BEGIN = {"type": "http.response.start", "status": 200, "headers": []}


def cancelled(method, *, first=()):
    """What a request got that was told `first`, and then waited until it was cancelled."""
    sent = []

    async def app(scope, receive, send):
        for message in first:
            await send(message)
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    async def ask():
        scope = {"type": "http", "method": method, "headers": []}
        asking = asyncio.create_task(Ending(app)(scope, None, send))
        await asyncio.sleep(0)
        asking.cancel("told to end")
        await asking

    return sent, ask


def test_who_waits_is_told_that_he_may_ask_again():
    sent, ask = cancelled("GET")
    asyncio.run(ask())
    begin, body = sent
    assert (begin["status"], dict(begin["headers"])[b"retry-after"]) == (503, b"1")
    assert "told to end" in json.loads(body["body"])["error"]


def test_who_may_not_ask_twice_is_told_to_look():
    sent, ask = cancelled("POST")
    asyncio.run(ask())
    assert b"retry-after" not in dict(sent[0]["headers"])
    assert "look whether it was done" in json.loads(sent[1]["body"])["hint"]


def test_a_stream_that_was_begun_is_broken_off_and_no_failure():
    sent, ask = cancelled("GET", first=[BEGIN])
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ask())
    assert sent == [BEGIN]
    for error in (asyncio.CancelledError(), ValueError(), None):
        seen = (type(error), error, None) if error else None
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "broke", (), seen)
        assert is_failure(record) == (not isinstance(error, asyncio.CancelledError))
