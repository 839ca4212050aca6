"""Programs that save by themselves: what they saved is committed, put back, and never torn."""

from __future__ import annotations

import json
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from machine import wait_until
from stack import PROGRAMS, Stack

from launcher.views import CheckpointView

SAVES = PROGRAMS / "saves.py"


class Strings:
    """By which a test holds `programs/saves.py`."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        folder.mkdir()

    def submit(self, name: str = "snapshot.pt", savers: str = "0", **keys: object) -> str:
        checkpoints = {"watch": [name], **keys.pop("checkpoints", {})}  # type: ignore[dict-item]
        return self.stack.submit(
            SAVES,
            entrypoint=f"train.py {self.folder} {name} {savers}",
            checkpoints=checkpoints,
            **keys,  # type: ignore[arg-type]
        )

    def save(self, job: str, step: int, commits: int = 1) -> list[CheckpointView]:
        """Let the program save a step, and wait for so many commits that follow."""
        before = self.committed(job)
        self.tell(f"go-{step}")
        return self.stack.wait_for(
            job,
            lambda: [one for one in self.committed(job) if one not in before][commits - 1 :],
            f"the commit of {step}",
        )

    def committed(self, job: str) -> list[CheckpointView]:
        return self.stack.client.checkpoints(job)

    def tell(self, what: str) -> None:
        (self.folder / what).touch()

    def words(self, job: str, ranks: int, attempt: int) -> list[str]:
        return [self.stack.log(job, rank, attempt).decode().strip() for rank in range(ranks)]

    def await_words(self, job: str, ranks: int, attempt: int) -> list[str]:
        def said() -> list[str]:
            streams = {s.rank for s in self.stack.client.log_streams(job) if s.attempt == attempt}
            found = self.words(job, ranks, attempt) if len(streams) == ranks else [""]
            return found if all(found) else []

        return self.stack.wait_for(job, said, f"the first words of attempt {attempt}")


@pytest.fixture
def strings(stack: Stack, tmp_path: Path) -> Iterator[Strings]:
    return Strings(stack, tmp_path / "strings")


def events(stack: Stack, job: str, kind: str) -> list[str]:
    return [event.text for event in stack.client.events(job) if event.kind == kind]


def test_a_program_killed_while_it_saves_goes_on_from_its_last_good_file(
    stack: Stack, strings: Strings
) -> None:
    """On every node, though only one has saved; and the end of the job commits what is left."""
    job = strings.submit(resources={"nodes": 2}, retries=1)
    strings.save(job, 1)
    strings.save(job, 2)
    strings.tell("torn")
    wait_until((strings.folder / "is-torn-0").exists, "half a file")
    time.sleep(2.5)  # as long as a whole file needs to be taken
    (strings.folder / "torn").unlink()
    machine.kill(machine.ranks(job)[0])
    assert strings.await_words(job, 2, attempt=2) == ["resumed 2 0"] * 2
    assert [one.step for one in strings.committed(job)] == [1, 2]
    granted = events(stack, job, "granted")
    assert granted[1].endswith("resumes from step 2")
    assert "watched files of step 2 are back in place" in events(stack, job, "note")
    strings.tell("go-3")
    strings.tell("end")
    stack.wait(job, "SUCCEEDED")
    assert [one.step for one in strings.committed(job)] == [2, 3]
    assert [file.path for file in strings.committed(job)[-1].files] == ["snapshot.pt"]


def test_a_job_goes_on_from_its_files_on_another_node(stack: Stack, strings: Strings) -> None:
    def hold() -> str:
        holder = stack.submit("import time; time.sleep(1000)", workers=1, resources=whole)
        stack.wait(holder, "RUNNING")
        return holder

    def node_of(job: str) -> str:
        return stack.client.job(job).nodes[0].node_id

    whole = {"cpus_per_worker": 6}
    first = hold()
    job = strings.submit("out/snapshot.pt", workers=1, resources=whole)
    strings.save(job, 1)
    before = node_of(job)
    stack.client.cancel(job, force=True)
    stack.wait(job, "CANCELLED")
    second = hold()
    stack.client.cancel(first, force=True)
    stack.client.retry(job)
    assert strings.await_words(job, 1, attempt=2) == ["resumed 1 0"]
    assert node_of(job) != before == node_of(second)
    stack.client.cancel(job, force=True)


@pytest.mark.parametrize(
    ("per_node", "expected"),
    [(False, ["resumed 1 0", "resumed 1 0"]), (True, ["resumed 1 0", "resumed 1 1"])],
    ids=["the lowest node's", "its own"],
)
def test_where_several_nodes_save_one_path_every_node_gets(
    stack: Stack, strings: Strings, tmp_path: Path, per_node: bool, expected: list[str]
) -> None:
    job = strings.submit(
        savers="0,1",
        resources={"nodes": 2},
        retries=1,
        checkpoints={"watch_per_node": per_node},
    )
    strings.tell("go-1")

    def is_whole() -> bool:
        found = strings.committed(job)
        paths = {file.path for file in found[-1].files} if found else set()
        if per_node:
            return paths == {"node-0/snapshot.pt", "node-1/snapshot.pt"}
        return bool(paths) and saver_of(stack, job, tmp_path / f"home-{len(found)}") == 0

    stack.wait_for(job, is_whole, "the files of both nodes")
    machine.kill(machine.ranks(job)[1])
    assert strings.await_words(job, 2, attempt=2) == expected
    stack.client.cancel(job, force=True)


def saver_of(stack: Stack, job: str, home: Path) -> int:
    """Rank that saved what is committed, as everybody gets it who asks for it."""
    if not home.exists():
        stack.client.download_checkpoint(job, home)
    with zipfile.ZipFile(home / "snapshot.pt") as archive:
        return int(archive.read("rank"))


UNKNOWN = """
import os, signal, sys, time
from pathlib import Path
out = Path("state.bin")
print(out.read_text() if out.exists() else "fresh", flush=True)
if sys.argv[1] == "well":
    out.write_text("written just before the end")
else:
    out.write_text("torn")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_saved_just_before_a_good_end_is_kept(stack: Stack) -> None:
    job = stack.run(
        UNKNOWN, entrypoint="train.py well", workers=1, checkpoints={"watch": ["*.bin"]}
    )
    [kept] = stack.client.checkpoints(job.id)
    assert [file.path for file in kept.files] == ["state.bin"]


def test_what_a_program_wrote_when_it_was_killed_is_not_kept(stack: Stack) -> None:
    """Nothing tells whether a file of an unknown format is whole."""
    job = stack.run(
        UNKNOWN, entrypoint="train.py badly", workers=1, checkpoints={"watch": ["*.bin"]}
    )
    assert stack.client.checkpoints(job.id) == []
    assert "not saved: state.bin was written just before its writer died" in events(
        stack, job.id, "note"
    )


REPORTS = """
import time, zipfile, launcher
for step, loss in enumerate([0.9, 0.2, 0.8, 0.7, 0.6], start=1):
    launcher.report(step=step * 10, val_loss=loss)
    with zipfile.ZipFile("model.pt", "w") as archive:
        archive.writestr("step", str(step))
    time.sleep(3)
"""


def test_the_best_is_kept_beside_the_newest_and_dated_by_the_reports(stack: Stack) -> None:
    keep = {"keep_last": 2, "keep_best": {"metric": "val_loss", "mode": "min"}}
    job = stack.run(REPORTS, workers=1, checkpoints={"watch": ["model.pt"], **keep})
    kept = stack.client.checkpoints(job.id)
    assert [(one.step, one.metrics["val_loss"]) for one in kept] == [
        (20, 0.2),
        (40, 0.7),
        (50, 0.6),
    ]


def test_a_cancelled_program_that_saves_by_itself_may_save_once_more(
    stack: Stack, strings: Strings
) -> None:
    job = strings.submit(workers=1)
    strings.save(job, 1)
    stack.client.cancel(job)
    stack.wait(job, "CANCELLING")
    time.sleep(2.0)
    assert machine.ranks(job)  # it has not been told to end
    strings.tell("go-2")
    ended = stack.wait(job, "CANCELLED")
    assert [one.step for one in strings.committed(job)] == [1, 2]
    assert ended.attempt is not None
    assert [one.code for one in ended.attempt.exits] == [-signal.SIGTERM]


BOTH = """
import json, sys, time, zipfile, launcher
from pathlib import Path
resumed = launcher.resume_from()
watched = Path("history.csv")
print(json.dumps([resumed and sorted(p.name for p in resumed.iterdir()),
                  watched.exists() and watched.read_text()]), flush=True)
if launcher.attempt() == 1:
    watched.write_text("committed")
    with launcher.checkpoint(7) as folder:
        (folder / "model").write_text("weights")
    while not Path(sys.argv[1]).exists():
        time.sleep(0.02)
    watched.write_text("not committed")
    sys.exit(1)
"""


def test_saved_checkpoints_and_watched_files_each_come_back_as_the_newest_of_their_kind(
    stack: Stack, tmp_path: Path
) -> None:
    job = stack.submit(
        BOTH,
        entrypoint=f"train.py {tmp_path / 'go'}",
        workers=1,
        retries=1,
        checkpoints={"watch": ["*.csv"], "keep_last": 1},
    )
    stack.wait_for(job, lambda: len(stack.client.checkpoints(job)) == 2, "both")
    (tmp_path / "go").touch()
    stack.wait(job, "SUCCEEDED")
    assert json.loads(stack.log(job, attempt=2)) == [["model"], "committed"]
