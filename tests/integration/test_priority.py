"""Who is next when resources come free, as people change it while jobs wait."""

from __future__ import annotations

from stack import Stack

HOLDS = """
import time
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


def wide(stack: Stack) -> str:
    """A job that leaves no room for another one like it."""
    return stack.submit(HOLDS, resources={"cpus_per_worker": 4}, project="vision")


def test_a_job_that_was_moved_ahead_starts_first_and_what_ran_is_past(stack: Stack) -> None:
    client = stack.client
    holder = wide(stack)
    stack.wait(holder, "RUNNING")
    first, late = wide(stack), wide(stack)
    stack.wait_for(late, lambda: client.job(late).reason, "a reason to wait")
    client.set_priority([late], 80)
    assert client.job(late).priority == 80
    (before,) = [one for one in client.projects() if one.name == "vision"]
    assert (before.now.cpus, before.now.running, before.now.queued) == (8, 1, 2)

    client.cancel(holder, force=True)
    stack.wait(late, "RUNNING")
    assert client.job(first).state == "QUEUED"
    told = [event.text for event in client.events(late) if event.kind == "priority"]
    assert told[0].startswith("priority changed from 50 to 80 by ")
    (after,) = [one for one in client.projects() if one.name == "vision"]
    assert after.cpu_s > before.cpu_s

    client.cancel(late, force=True)
    stack.wait(first, "RUNNING")
