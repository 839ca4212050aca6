"""What is told to receivers outside when a job's state changes, and when it is tried again. Pure.

The body is that of a Slack message (`text`), which Mattermost, Rocket.Chat and Discord's `/slack`
take too, with the fields of Standard Webhooks beside it (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from datetime import datetime, timezone
from typing import Any

from launcher.model.job import Job
from launcher.model.states import TERMINAL, JobState

MOMENTS = ("started", "requeued", "succeeded", "failed", "cancelled")
"""`started`: every attempt that runs; `requeued`: an attempt ended and another follows."""
DEFAULT_MOMENTS = ("succeeded", "failed", "cancelled")

_BEFORE_AN_ATTEMPT = frozenset({JobState.QUEUED, JobState.STARTING, JobState.SETUP})
_RETRY_S = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0, 43200.0)
"""Pauses after a try that failed; after the last one, within a day, it is given up."""
_LONGEST_PAUSE_S = 86400.0
_PASSING = frozenset({408, 425, 429})
"""Of the answers that blame the request, those that do not mean it for ever."""
_METADATA = frozenset({"100.100.100.200", "168.63.129.16", "fd00:ec2::254"})
"""Where clouds tell machines about themselves, beside the link-local addresses."""


def may_be_reached(address: str) -> bool:
    """Whether messages may go to an IP address.

    >>> may_be_reached("169.254.169.254"), may_be_reached("10.0.0.5"), may_be_reached("::1")
    (False, True, True)
    >>> may_be_reached("::ffff:169.254.169.254"), may_be_reached("0.0.0.0")
    (False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if mapped is not None:
        return may_be_reached(str(mapped))
    if str(ip) in _METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.is_loopback or not ip.is_reserved


def moment_of(before: Job, after: Job) -> str | None:
    """Which moment a change of a job is; None when it is none that is told."""
    if after.state in TERMINAL and before.state is not after.state:
        return after.state.value.lower()
    if after.state is JobState.RUNNING and before.state is not JobState.RUNNING:
        return "started"
    ended = _attempt_ended(before, after)
    return "requeued" if ended and after.state in _BEFORE_AN_ATTEMPT else None


def _attempt_ended(before: Job, after: Job) -> bool:
    return (
        before.attempt is not None
        and after.attempt is not None
        and not before.attempt.is_over
        and after.attempt.is_over
    )


def body(job: Job, moment: str, now: float, server: str) -> dict[str, Any]:
    """The message about a job.

    Args:
        job: after the change.
        moment: one of `MOMENTS`.
        now: seconds since the epoch.
        server: its URL; the link in the message holds no key to it.
    """
    page = f"{server}/jobs/{job.id}"
    attempt = job.attempt
    verdict = attempt.verdict if attempt is not None and attempt.is_over else None
    words = job.reason if moment != "started" else ""
    told = _escaped(f": {words}" if words else "")
    number = f" (attempt {attempt.number})" if attempt is not None else ""
    return {
        "text": f"{_mark(moment)} <{page}|{job.id}> {moment}{number}{told}",
        "type": f"job.{moment}",
        "timestamp": _clock(now),
        "data": {
            "job": job.id,
            "name": job.name,
            "project": job.project,
            "user": job.user,
            "state": job.state.value,
            "attempt": attempt.number if attempt is not None else None,
            "ending": verdict.ending.value if verdict is not None else None,
            "words": words,
            "submitted_at": job.submitted_at,
            "ended_at": job.ended_at,
            "page": page,
        },
    }


def sample(server_id: str, now: float) -> dict[str, Any]:
    """A message that tells of nothing, to try a receiver out."""
    return {
        "text": f":wave: launcher (server {server_id}) can reach this place",
        "type": "test",
        "timestamp": _clock(now),
        "data": {},
    }


def _clock(now: float) -> str:
    return datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds")


def _mark(moment: str) -> str:
    marks = {"succeeded": ":white_check_mark:", "failed": ":x:", "cancelled": ":no_entry_sign:"}
    return marks.get(moment, ":arrows_counterclockwise:" if moment == "requeued" else ":rocket:")


def _escaped(text: str) -> str:
    """As Slack wants it: nobody's words become a link or call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def key_for(secret: bytes, url: str) -> bytes:
    """The key by which a receiver knows that a message is of this server. Each has its own."""
    return hmac.new(secret, f"webhook:{url}".encode(), hashlib.sha256).digest()


def shown_key(key: bytes) -> str:
    """A key as libraries of Standard Webhooks read it."""
    return f"whsec_{base64.b64encode(key).decode()}"


def headers(key: bytes, message_id: str, now: float, content: bytes) -> dict[str, str]:
    """What signs a message. `message_id` is the same in every try, the time is the try's."""
    signed = b".".join([message_id.encode(), str(int(now)).encode(), content])
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def is_taken(status: int) -> bool:
    return 200 <= status < 300


def is_refused(status: int) -> bool:
    """Whether the answer says that another try would get the same one.

    >>> is_refused(404), is_refused(410), is_refused(429), is_refused(302), is_refused(503)
    (True, True, False, True, False)
    """
    return 300 <= status < 500 and status not in _PASSING


def pause_s(tries: int, retry_after_s: float = 0.0) -> float | None:
    """How long to wait after so many tries; None when it is to be given up.

    >>> pause_s(1), pause_s(2, retry_after_s=60.0), pause_s(10)
    (1.0, 60.0, None)
    """
    if tries > len(_RETRY_S):
        return None
    return max(_RETRY_S[tries - 1], min(retry_after_s, _LONGEST_PAUSE_S))
