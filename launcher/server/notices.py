"""Messages about jobs to receivers outside: written with the change, sent in threads of their own.

A message is never lost, and taken once in all but one case: a server that is killed between a
receiver's answer and its own note of it sends that message again, with the same `webhook-id`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from launcher.errors import ConflictError, LauncherError, UnreachableError
from launcher.logbook import about
from launcher.model import notice
from launcher.model.job import Event, Job
from launcher.server.control import Control
from launcher.server.notify import OUTBOX
from launcher.server.posting import Reply, post
from launcher.server.secret import Secrets
from launcher.store import events, outbox
from launcher.store.outbox import StoredMessage

log = logging.getLogger(__name__)

Post = Callable[[str, Mapping[str, str], bytes], Reply]

_AT_ONCE, _AT_ONCE_TO_ONE = 4, 2
_CLAIM_S = 20.0
"""A try takes less; one that its server did not survive is due again after so long."""
_LONGEST_REST_S = 30.0
_KEPT_S = 7 * 86400.0


class Outbox:
    """Writes messages in the transaction of the change that they tell of.

    Args:
        server: URL, for links to jobs.
    """

    def __init__(self, server: str) -> None:
        self._server = server

    def take(self, tx: Connection, before: Job, after: Job, now: float) -> bool:
        """Whether the change is one that somebody wants to be told of; it is then written."""
        chosen: Mapping[str, Any] = after.spec.get("notify") or {}
        if not (chosen.get("url") or chosen.get("url_secret")):
            return False
        moment = notice.moment_of(before, after)
        if moment is None or moment not in chosen.get("when", ()):
            return False
        body = notice.body(after, moment, now, self._server)
        outbox.append(tx, after.id, moment, notify=chosen, body=body, now=now)
        return True


class Notices:
    """Sends what is due. Synchronous; called from worker threads."""

    def __init__(self, control: Control, secrets: Secrets, send: Post = post) -> None:
        self._control, self._secrets, self._send = control, secrets, send
        self._tidied_at = 0.0

    def claim(self, sending: Counter[str]) -> list[StoredMessage]:
        """Messages to send now, not too many to one receiver. `sending`: how many are, to whom."""
        now, claimed, busy = self._control.clock(), [], sending.copy()
        with self._control.store.read() as tx:
            found = outbox.due(tx, now)
        for message in found:
            if busy.total() >= _AT_ONCE:
                break
            if busy[message.receiver] < _AT_ONCE_TO_ONE and self._claim(message, now):
                busy[message.receiver] += 1
                claimed.append(message)
        self._tidy(now)
        return claimed

    def rest_s(self) -> float:
        """How long nothing is due."""
        with self._control.store.read() as tx:
            moment = outbox.next_due(tx)
        rest = _LONGEST_REST_S if moment is None else moment - self._control.clock()
        return min(max(rest, 0.1), _LONGEST_REST_S)

    def deliver(self, message: StoredMessage) -> None:
        """One try."""
        problem, reply = "", None
        try:
            url = self._url(message)
            reply = self.post(url, message.message_id, message.body.encode())
            if not notice.is_taken(reply.status):
                problem = f"{_host(url)} answered {reply.status}"
        except LauncherError as error:
            problem = str(error)
        self._note(message, reply, problem)

    def try_out(self, url: str, message_id: str) -> int:
        """Post a message that tells of nothing, now; gives the status of the answer.

        Raises:
            ConflictError: no answer.
        """
        now = self._control.clock()
        content = json.dumps(notice.sample(self._control.store.server_id, now)).encode()
        try:
            return self.post(url, message_id, content).status
        except UnreachableError as error:  # the receiver is, this server is not
            raise ConflictError(str(error)) from error

    def key_for(self, url: str) -> str:
        """What the receiver at this address verifies messages with."""
        return notice.shown_key(notice.key_for(self._control.store.secret, url))

    def post(self, url: str, message_id: str, content: bytes) -> Reply:
        """Post a signed message.

        Raises:
            UnreachableError: no answer.
        """
        key = notice.key_for(self._control.store.secret, url)
        headers = notice.headers(key, message_id, self._control.clock(), content)
        return self._send(url, headers, content)

    def _url(self, message: StoredMessage) -> str:
        if message.url:
            return message.url
        with self._control.store.read() as tx:
            project = self._control.get(tx, message.job_id).project
        return self._secrets.value(project, message.url_secret).strip()

    def _claim(self, message: StoredMessage, now: float) -> bool:
        with self._control.store.begin() as tx:
            return outbox.claim(tx, message, now + _CLAIM_S)

    def _note(self, message: StoredMessage, reply: Reply | None, problem: str) -> None:
        now = self._control.clock()
        if not problem:
            with self._control.store.begin() as tx:
                outbox.delivered(tx, message, now)
            return
        pause_s = notice.pause_s(message.tries + 1, reply.retry_after_s if reply else 0.0)
        if reply is not None and notice.is_refused(reply.status):
            pause_s = None
        with self._control.store.begin() as tx:
            next_at = None if pause_s is None else now + pause_s
            is_there = outbox.failed(tx, message, problem, next_at)
            if is_there and pause_s is None:
                events.append(tx, message.job_id, [_given_up(message, problem)], now)
        told = message.job_id, _verb(message.kind), problem
        log.warning("%s: not told that it %s: %s", *told, extra=about(message.job_id))

    def _tidy(self, now: float) -> None:
        if now - self._tidied_at > _KEPT_S / 100:
            self._tidied_at = now
            with self._control.store.begin() as tx:
                outbox.forget_ended(tx, now - _KEPT_S)


async def send_for_ever(notices: Notices, control: Control) -> None:
    """Send whatever is due, each message in a thread: slow receivers hold up nobody else.

    The threads do not keep the server from ending: what they were sending is due again.
    """
    loop, busy = asyncio.get_running_loop(), Counter[str]()

    def send(message: StoredMessage) -> None:
        try:
            notices.deliver(message)
        except Exception:  # one bad message must not end the others
            log.exception("%s: a message broke", message.job_id, extra=about(message.job_id))
        with contextlib.suppress(RuntimeError):  # the server is ending
            loop.call_soon_threadsafe(sent, message)

    with control.notifier.listen(OUTBOX) as news:

        def sent(message: StoredMessage) -> None:
            busy[message.receiver] -= 1
            news.changed()

        while True:
            rest_s = _LONGEST_REST_S
            try:
                for message in await asyncio.to_thread(notices.claim, busy.copy()):
                    busy[message.receiver] += 1
                    threading.Thread(
                        target=send, args=(message,), name="sending", daemon=True
                    ).start()
                rest_s = await asyncio.to_thread(notices.rest_s)
            except Exception:  # a full disk passes; what is due stays so
                log.exception("messages are not sent")
            await news.wait(max(rest_s, 0.5) if busy.total() else rest_s)


def _given_up(message: StoredMessage, problem: str) -> Event:
    tries = message.tries + 1
    times = f"{tries} {'try' if tries == 1 else 'tries'}"
    return Event("notify", f"nobody was told that it {_verb(message.kind)}: {problem} ({times})")


def _verb(kind: str) -> str:
    return kind if kind in {"started", "succeeded", "failed"} else f"was {kind}"


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or "the receiver"
