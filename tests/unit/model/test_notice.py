"""What is told of a job, how it is signed, and when it is tried again."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from launcher.model import lifecycle, notice
from launcher.model.ending import Ending
from launcher.model.job import Job, Policy, Resources, Verdict

NOW = 1_700_000_000.0


@pytest.fixture
def queued():
    return Job(
        id="digits-k3m9ap",
        name="digits",
        project="vision",
        priority=50,
        cluster="any",
        spec={},
        code="",
        resources=Resources(1),
        policy=Policy(max_retries=1, backoff_s=0.0),
        submitted_at=NOW,
        user="ada",
        queued_at=NOW,
    )


@pytest.fixture
def starting(queued):
    placed = lifecycle.place(queued, "local", [("n1", 1)], NOW).job
    return lifecycle.register(placed, 1, 0, "10.0.0.1:7000").job


@pytest.fixture
def running(starting):
    return lifecycle.started(starting, 1, NOW).job


def ended(job, ending, **verdict):
    judged = lifecycle.give_verdict(job, 1, Verdict(ending, **verdict)).job
    return lifecycle.quiet(judged, 1, 0, 1, NOW).job


def test_moments_are_told_once_by_the_change_that_brings_them(queued, starting, running):
    assert notice.moment_of(queued, starting) is None
    assert notice.moment_of(starting, running) == "started"
    assert notice.moment_of(running, running) is None
    done = ended(running, Ending.FINISHED)
    assert notice.moment_of(running, done) == "succeeded"
    assert notice.moment_of(done, replace(done, revision=9)) is None


def test_an_attempt_that_another_one_follows_is_requeued(running):
    again = ended(running, Ending.PROGRAM_FAILED, began=True)
    assert notice.moment_of(running, again) == "requeued"
    failed = ended(replace(running, failures=1), Ending.PROGRAM_FAILED, began=True)
    assert notice.moment_of(running, failed) == "failed"
    lost = lifecycle.close_slot(running, 1, 0, NOW, proof="x", lost=Ending.NODE_LOST).job
    assert notice.moment_of(running, lost) == "requeued"


def test_a_job_that_is_cancelled_in_the_queue_is_cancelled(queued):
    cancelled = lifecycle.cancel(queued, NOW, by="ada").job
    assert notice.moment_of(queued, cancelled) == "cancelled"


def test_a_message_is_one_of_slack_with_the_facts_beside_it(running):
    failed = ended(replace(running, failures=1), Ending.PROGRAM_FAILED, words="<!channel> & co")
    body = notice.body(failed, "failed", NOW, "http://queue:8800")
    assert body["text"] == (
        ":x: <http://queue:8800/jobs/digits-k3m9ap|digits-k3m9ap> failed (attempt 1): "
        "&lt;!channel&gt; &amp; co"
    )
    assert (body["type"], body["timestamp"]) == ("job.failed", "2023-11-14T22:13:20+00:00")
    assert body["data"] == {
        "job": "digits-k3m9ap",
        "name": "digits",
        "project": "vision",
        "user": "ada",
        "state": "FAILED",
        "attempt": 1,
        "ending": "PROGRAM_FAILED",
        "words": "<!channel> & co",
        "submitted_at": NOW,
        "ended_at": NOW,
        "page": "http://queue:8800/jobs/digits-k3m9ap",
    }
    json.dumps(body, allow_nan=False)


def test_a_receiver_verifies_a_message_as_standard_webhooks_says():
    key = notice.key_for(b"secret", "https://a/x")
    content = b'{"text": "hello"}'
    sent = notice.headers(key, "msg_1", 1700000000.9, content)
    shared = base64.b64decode(notice.shown_key(key).removeprefix("whsec_"))
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + content
    expected = base64.b64encode(hmac.new(shared, signed, hashlib.sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{expected}"
    assert sent["webhook-timestamp"] == "1700000000"


def test_receivers_have_keys_of_their_own():
    assert notice.key_for(b"secret", "https://a/x") != notice.key_for(b"secret", "https://a/y")


def test_tries_are_given_up_within_a_day_and_a_half():
    pauses = []
    while (pause := notice.pause_s(len(pauses) + 1)) is not None:
        pauses.append(pause)
    assert pauses == sorted(pauses)
    assert 12 * 3600 < sum(pauses) < 36 * 3600
    assert notice.pause_s(1, retry_after_s=10**9) == 86400.0
