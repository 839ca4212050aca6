"""Files of a job through the real thing: outputs, links, another job's checkpoint, in place."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest
from stack import Stack
from test_own_server import OwnMachine, own

from launcher.archive import archive
from launcher.errors import SpecError
from launcher.views import OutputView

__all__ = ["own"]  # a fixture

PAINTS = """
import os, pathlib, sys, time
import launcher
launcher.report(1, loss=1.0)
attempt, rank = int(os.environ["LAUNCHER_ATTEMPT"]), int(os.environ["RANK"])
plots = pathlib.Path("plots")
plots.mkdir(exist_ok=True)
(plots / f"loss-{attempt}.png").write_bytes(b"PNG" * 1000 + bytes([attempt]))
(plots / "newest.png").write_text(f"attempt {attempt} rank {rank}")
if not os.path.islink("plots/out.png"):
    os.symlink("/etc/hostname", "plots/out.png")
    os.symlink("/etc", "plots/etc")
    os.symlink("newest.png", "plots/link.png")
if len(sys.argv) > 1:
    print("waiting", flush=True)
    time.sleep(600)
sys.exit(3)
"""


def outputs(stack: Stack, job: str) -> dict[tuple[int, str], OutputView]:
    return {(one.rank, one.path): one for one in stack.client.outputs(job)}


def kinds(stack: Stack, job: str) -> list[str]:
    return [event.kind for event in stack.client.events(job)]


def test_a_failed_jobs_outputs_are_kept_the_newest_attempts_first(
    stack: Stack, tmp_path: Path
) -> None:
    """Also those that only an earlier attempt wrote; and nothing from outside of the folder."""
    job = stack.run(PAINTS, workers=1, retries=1, outputs=["plots/**/*.png", "*.csv"])
    assert job.state == "FAILED"
    found = outputs(stack, job.id)
    assert {path: one.attempt for (_, path), one in found.items()} == {
        "plots/loss-1.png": 2,  # still there: the folder is kept across attempts
        "plots/loss-2.png": 2,
        "plots/newest.png": 2,
        "plots/link.png": 2,
    }
    assert (job.outputs.files, kinds(stack, job.id).count("outputs")) == (4, 2)
    target = tmp_path / "newest.png"
    stack.client.files(job.id).get_output(found[0, "plots/newest.png"], target)
    assert target.read_text() == "attempt 2 rank 0"


def test_outputs_of_every_node_are_kept_apart_also_of_a_cancelled_job(stack: Stack) -> None:
    job = stack.submit(
        PAINTS,
        entrypoint="train.py wait",
        placement="spread",
        outputs={"paths": ["plots/newest.png"], "rank": "all"},
    )

    def both_spoke() -> bool:
        return len([one for one in stack.client.log_streams(job) if one.length]) == 2

    stack.wait_for(job, both_spoke, "their first words")
    stack.client.cancel(job, force=True)
    stack.wait(job, "CANCELLED")
    digests = {
        key: hashlib.sha256(f"attempt 1 rank {key[0]}".encode()).hexdigest()
        for key in [(0, "plots/newest.png"), (1, "plots/newest.png")]
    }
    assert {key: one.sha256 for key, one in outputs(stack, job).items()} == digests


LINKED = """
import os
print(os.path.realpath("data"), open("deep/val/x").read(), flush=True)
"""


def test_links_are_there_on_every_node(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / "x").write_text("picture")
    data = str(tmp_path / "imagenet")
    job = stack.run(LINKED, placement="spread", links={"data": data, "deep/val": data})
    assert job.state == "SUCCEEDED", stack.story(job.id)
    assert [stack.log(job.id, rank) for rank in (0, 1)] == [f"{data} picture\n".encode()] * 2
    assert (tmp_path / "imagenet" / "x").read_text() == "picture"  # and the job's folder is gone


def test_a_link_to_nothing_is_told_with_its_node_before_the_start(stack: Stack) -> None:
    job = stack.run(LINKED, links={"data": "/nowhere/imagenet"}, retries=3)
    assert job.state == "FAILED"
    attempt = stack.last_attempt(job.id)
    assert (attempt.number, attempt.ending) == (1, "SETUP_FAILED")
    where = f"links.data: /nowhere/imagenet does not exist on {socket.gethostname()}"
    assert attempt.words is not None
    assert f"node 0: {where}" in attempt.words


COUNTS = """
import os, pathlib, sys
import launcher
start = 0
resumed = os.environ.get("LAUNCHER_RESUME_FROM")
if resumed:
    start = int((pathlib.Path(resumed) / "step").read_text())
print("from", start, flush=True)
for step in range(start + 1, start + 4):
    with launcher.checkpoint(step) as folder:
        (folder / "step").write_text(str(step))
"""


def test_a_job_begins_from_another_jobs_checkpoint(stack: Stack, tmp_path: Path) -> None:
    """And everything of it fits into a plain folder, from which it runs again."""
    first = stack.run(COUNTS, workers=1)
    newest = stack.run(COUNTS, workers=1, from_job=first.id)
    earlier = stack.run(COUNTS, workers=1, from_job=f"{first.id}@2")
    assert [stack.log(job.id) for job in (first, newest, earlier)] == [
        b"from 0\n",
        b"from 3\n",
        b"from 2\n",
    ]
    assert newest.attempts[0].resume_step == 3
    assert (newest.spec or {})["from_job"] == f"{first.id}@3"
    with pytest.raises(SpecError, match="has no checkpoint of step 1; it has those of 2, 3"):
        stack.submit(COUNTS, from_job=f"{first.id}@1")
    folder = archive(stack.client, newest.id, tmp_path / "archive", lambda _: None)
    assert (folder / "code" / "train.py").read_text() == COUNTS
    assert (folder / "logs/attempt-1/rank-0.log").read_bytes() == b"from 3\n"
    assert (folder / "checkpoints/step-6/step").read_text() == "6"


def test_a_job_in_place_runs_in_the_users_own_folder(own: OwnMachine) -> None:
    """Two at once; nothing is sent, and nothing of the folder goes with the job."""
    (own.folder / "data").symlink_to("/usr")  # which could not be sent
    (own.folder / "train.py").write_text(
        "import os, sys\nopen(sys.argv[1], 'w').write(os.getcwd())\nprint(os.listdir('.'))\n"
    )
    commands = [
        own.start("run", "--in-place", "--set", f"outputs=[{name}]", "--", "train.py", name)
        for name in ("a.txt", "b.txt")
    ]
    told = [command.communicate(timeout=300) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], told
    assert all(f"runs in place, in {own.folder}" in err for _, err in told)
    assert (own.folder / "a.txt").read_text() == str(own.folder)
    assert (own.folder / "b.txt").exists()
    assert (own.folder / "data").is_symlink()
    code, out, err = own.call("outputs", "last")  # whichever of the two that is
    assert (code, "a.txt" in out or "b.txt" in out) == (0, True), err
