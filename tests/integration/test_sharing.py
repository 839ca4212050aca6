"""One cluster for many: who is put off for whom, who passes whom, who holds how much."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stack import Stack

SAVES_AND_WAITS = """
import time
import launcher

resumed = launcher.resume_from()
step = int((resumed / "step").read_text()) if resumed else 0
print("resumed from" if resumed else "began", step, flush=True)
while not launcher.should_stop():
    step += 1
    launcher.report(step=step, loss=1.0)
    if step % 20 == 0:
        with launcher.checkpoint(step) as folder:
            (folder / "step").write_text(str(step))
    time.sleep(0.02)
with launcher.checkpoint(step) as folder:
    (folder / "step").write_text(str(step))
print("stopped at", step, flush=True)
"""
SHORT = "print('done')\n"
LONG = "import time\nwhile True: time.sleep(0.05)\n"
WHOLE = {"cpus_per_worker": 4}
"""Of each of two workers: one on each node, which has 6."""


def test_a_preempted_job_saves_makes_room_and_goes_on_where_it_was(stack: Stack) -> None:
    client = stack.client
    victim = stack.submit(SAVES_AND_WAITS, resources=WHOLE, preemptible=True, priority=10)
    stack.wait_for(victim, lambda: client.checkpoints(victim), "a checkpoint")

    urgent = stack.submit(SHORT, resources=WHOLE, priority=90)
    stack.wait(urgent, "SUCCEEDED")
    stack.wait_for(victim, lambda: len(client.job(victim).attempts) == 2, "its second attempt")
    first, second = client.job(victim).attempts
    assert first.ending == "PREEMPTED"
    stopped = int(stack.log(victim, 0, 1).decode().split()[-1])
    assert second.resume_step == stopped  # nothing was lost
    told = [event.text for event in client.events(victim)]
    assert f"makes room for {urgent}" in told
    stack.wait(victim, "RUNNING")
    client.cancel(victim, force=True)
    stack.wait(victim, "CANCELLED")


def test_who_was_not_asked_and_who_never_saved_are_not_put_off(stack: Stack) -> None:
    client = stack.client
    firm = stack.submit(LONG, resources={"cpus_per_worker": 2}, priority=10)
    unsaved = stack.submit(LONG, resources={"cpus_per_worker": 2}, priority=10, preemptible=True)
    stack.wait(firm, "RUNNING")
    stack.wait(unsaved, "RUNNING")
    urgent = stack.submit(SHORT, resources=WHOLE, priority=90)
    stack.wait_for(urgent, lambda: "needs 8 CPUs" in (client.job(urgent).reason or ""), "a reason")
    assert {client.job(one).state for one in (firm, unsaved)} == {"RUNNING"}
    for one in (firm, unsaved):
        client.cancel(one, force=True)
    stack.wait(urgent, "SUCCEEDED")


def test_a_job_passes_a_blocked_gang_only_if_it_is_over_by_then(stack: Stack) -> None:
    client = stack.client
    on_one = {"cpus_per_worker": 2, "placement": "single_node"}
    holder = stack.submit(LONG, resources=on_one, timeouts={"run": "10m"}, name="holder")
    stack.wait(holder, "RUNNING")
    gang = stack.submit(SHORT, resources=WHOLE, name="gang")
    why = f"starts when {holder} ends, in about"
    stack.wait_for(gang, lambda: why in (client.job(gang).reason or ""), "the reason")
    stack.wait_for(gang, lambda: client.job(gang).starts_at, "the time of its start")
    assert client.job(gang).position == 1

    half = {"cpus_per_worker": 3}  # free on one node now, but not beside the gang
    late = stack.submit(LONG, resources=half, timeouts={"run": "1h"}, name="late")
    brief = stack.submit(SHORT, resources=half, timeouts={"run": "1m"}, name="brief")
    stack.wait(brief, "SUCCEEDED")
    assert client.job(late).state == "QUEUED"
    assert client.job(late).position == 2
    assert f"waits behind {gang}" in (client.job(late).reason or "")
    client.cancel(late)
    client.cancel(holder, force=True)
    stack.wait(gang, "SUCCEEDED")


@pytest.fixture
def bounded(stack: Stack) -> Iterator[str]:
    """A project that may hold what one gang of two CPUs a worker takes."""
    stack.client.set_quota("bounded", {"cpus": 4})
    yield "bounded"
    stack.client.reset_quota("bounded")


def test_a_project_holds_no_more_than_its_quota_and_others_pass_it(
    stack: Stack, bounded: str
) -> None:
    client = stack.client
    first = stack.submit(LONG, resources={"cpus_per_worker": 2}, project=bounded)
    stack.wait(first, "RUNNING")
    second = stack.submit(SHORT, resources={"cpus_per_worker": 2}, project=bounded)
    other = stack.submit(SHORT, resources={"cpus_per_worker": 2})
    stack.wait(other, "SUCCEEDED")
    assert "project bounded is at its quota (4 of 4 CPUs)" in (client.job(second).reason or "")
    client.cancel(first, force=True)
    stack.wait(second, "SUCCEEDED")
