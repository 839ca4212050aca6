"""A job whose number of workers follows what is free."""

from __future__ import annotations

from stack import Stack

TRAINS = """
import time
import launcher

rank = launcher.rank()
resumed = launcher.resume_from()
step = int((resumed / "step").read_text()) if resumed else 0
print("begins", step, "with", launcher.per_worker_batch(64), "of 64", flush=True)


def save():
    if rank == 0:
        with launcher.checkpoint(step) as folder:
            (folder / "step").write_text(str(step))


while not launcher.should_stop():
    step += 1
    launcher.report(step=step, loss=1.0)
    if step % 20 == 0:
        save()
    time.sleep(0.02)
save()
print("stopped at", step, flush=True)
"""
ALONE = {"workers": 1, "cpus_per_worker": 4}


def test_it_starts_with_what_fits_and_grows_when_more_comes_free(stack: Stack) -> None:
    client = stack.client
    holder = stack.submit("import time\nwhile True: time.sleep(0.05)\n", resources=ALONE)
    stack.wait(holder, "RUNNING")
    several = {"workers": {"min": 1, "max": 2}, "cpus_per_worker": 4}
    job = stack.submit(TRAINS, resources=several, resize_every="1s")
    stack.wait_for(job, lambda: client.checkpoints(job), "a checkpoint")
    small = client.job(job)
    assert (small.workers, small.min_workers, small.max_workers) == (1, 1, 2)

    client.cancel(holder, force=True)
    stack.wait_for(job, lambda: len(client.job(job).attempts) == 2, "its second attempt")
    stack.wait(job, "RUNNING")
    first, second = client.job(job).attempts
    assert first.ending == "RESIZED"
    assert client.job(job).workers == 2
    stopped = int(stack.log(job, 0, 1).decode().split()[-1])
    assert second.resume_step == stopped  # nothing was lost
    stack.wait_for(job, lambda: client.checkpoints(job)[0].step > stopped, "a later checkpoint")
    client.cancel(job)
    assert stack.wait(job, "CANCELLED").attempts[1].ending == "CANCELLED_BY_USER"
    begun = [stack.log(job, rank, 2).decode().splitlines()[0] for rank in range(2)]
    assert begun == [f"begins {stopped} with 32 of 64"] * 2
    told = [event.text for event in client.events(job)]
    assert "attempt 1 granted on 1 node of cluster test with 1 of 2 workers" in told
    assert "grows from 1 to 2 of 2 workers" in told


def test_it_does_not_grow_at_the_cost_of_one_that_waits(stack: Stack) -> None:
    client = stack.client
    holder = stack.submit("import time\nwhile True: time.sleep(0.05)\n", resources=ALONE)
    stack.wait(holder, "RUNNING")
    several = {"workers": {"min": 1, "max": 2}, "cpus_per_worker": 4}
    job = stack.submit(TRAINS, resources=several, resize_every="1s", priority=90)
    stack.wait_for(job, lambda: client.checkpoints(job), "a checkpoint")
    waits = stack.submit(TRAINS, resources=ALONE, priority=10)
    client.cancel(holder, force=True)
    stack.wait_for(waits, lambda: client.checkpoints(waits), "its turn")
    newest = client.checkpoints(job)[0].step
    stack.wait_for(job, lambda: client.checkpoints(job)[0].step > newest, "a later checkpoint")
    assert len(client.job(job).attempts) == 1
    for one in (job, waits):
        client.cancel(one, force=True)
