"""Watched files in the table of checkpoints, beside those that programs saved by the SDK."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from launcher.errors import SpecError
from launcher.model.checkpoint import FileEntry, KeepBest, Manifest, Watched
from launcher.model.job import Job
from launcher.store import Store, checkpoints, watched
from launcher.store.checkpoints import StoredCheckpoint


def part(
    number: int,
    step: int = 10,
    *,
    node: int = 0,
    attempt: int = 1,
    path: str = "a.pt",
    loss: float = 0.5,
) -> Manifest:
    content = f"{number} {node} {attempt}".encode()
    entry = FileEntry(path, len(content), hashlib.sha256(content).hexdigest())
    return Manifest(attempt, step, (entry,), {"loss": loss}, watched=Watched(node, number))


def commit(
    store: Store, job: Job, one: Manifest, nodes: int = 2, origin: StoredCheckpoint | None = None
) -> StoredCheckpoint | None:
    with store.begin() as tx:
        return watched.commit(tx, job.id, one, nodes=nodes, now=1.0, origin=origin)


def steps(store: Store, job: Job) -> list[int]:
    with store.read() as tx:
        return checkpoints.steps(tx, job.id)


def test_several_states_of_one_step_are_checkpoints_each(store: Store, job: Job) -> None:
    stored = [commit(store, job, part(number)) for number in (1, 2, 3)]
    ids = [one.id for one in stored if one is not None]
    assert ids == sorted(set(ids))
    assert steps(store, job) == [10, 10, 10]
    with store.read() as tx:
        assert watched.newest(tx, job.id) == stored[2]


def test_the_same_part_again_is_the_same_checkpoint(store: Store, job: Job) -> None:
    commit(store, job, part(1))
    second = commit(store, job, part(2))
    assert commit(store, job, part(2)) == second
    assert commit(store, job, part(1)) == second
    assert len(steps(store, job)) == 2


def test_a_saved_checkpoint_of_the_same_step_stands_beside_it(store: Store, job: Job) -> None:
    saved = replace(part(9), watched=None)
    commit(store, job, part(1))
    with store.begin() as tx:
        first = checkpoints.commit(tx, job.id, saved, 1.0)
        assert checkpoints.commit(tx, job.id, saved, 2.0) == first
    commit(store, job, part(2))
    assert steps(store, job) == [10, 10, 10]
    with store.read() as tx:
        assert checkpoints.newest(tx, job.id, watched=False) == first
        newest = checkpoints.newest(tx, job.id, watched=True)
        assert newest == checkpoints.newest(tx, job.id) != first


def test_each_kind_keeps_its_newest(store: Store, job: Job) -> None:
    commit(store, job, part(1))
    with store.begin() as tx:
        for step in range(5):
            checkpoints.commit(tx, job.id, replace(part(1, step), watched=None), 1.0)
        checkpoints.prune(tx, job.id, 2)
    assert steps(store, job) == [10, 3, 4]


def test_the_best_are_kept_beside_the_newest(store: Store, job: Job) -> None:
    for number, loss in enumerate([0.9, 0.1, 0.8, 0.3], start=1):
        commit(store, job, part(number, number, loss=loss))
    with store.begin() as tx:
        pruned = checkpoints.prune(tx, job.id, 1, KeepBest("loss", "min"))
    assert [one.step for one in pruned] == [1, 3]
    assert steps(store, job) == [2, 4]


def test_a_part_of_which_a_lower_node_has_everything_makes_no_checkpoint(
    store: Store, job: Job
) -> None:
    first = commit(store, job, part(1))
    assert commit(store, job, part(1, 11, node=1)) == first
    assert steps(store, job) == [10]


def test_the_next_attempt_goes_on_from_the_union(store: Store, job: Job) -> None:
    commit(store, job, part(1))
    commit(store, job, part(1, node=1, path="b.pt"))
    later = commit(store, job, part(1, attempt=2))
    assert later is not None
    assert [file.path for file in later.manifest.files] == ["a.pt", "b.pt"]


def test_a_job_that_begins_from_another_goes_on_from_its_files(store: Store, job: Job) -> None:
    commit(store, job, part(1))
    origin = commit(store, job, part(1, node=1, path="b.pt"))
    assert origin is not None
    with store.begin() as tx:  # as if it were of another job
        checkpoints.prune(tx, job.id, 0)
        tx.execute(checkpoints._checkpoints.delete())
    own = commit(store, job, part(1), origin=origin)  # the same attempt and number as its origin
    assert own is not None
    assert [file.path for file in own.manifest.files] == ["a.pt", "b.pt"]


def test_a_part_without_files_is_no_checkpoint(store: Store, job: Job) -> None:
    assert commit(store, job, replace(part(1), files=())) is None
    assert steps(store, job) == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_a_path_that_leads_out_is_refused(store: Store, job: Job, path: str) -> None:
    with pytest.raises(SpecError, match="leaves its folder"):
        commit(store, job, part(1, path=path))
    assert steps(store, job) == []


def test_two_nodes_files_that_cannot_stand_in_one_folder_are_refused(
    store: Store, job: Job
) -> None:
    commit(store, job, part(1, path="out"))
    with pytest.raises(SpecError, match="both a file and a folder"):
        commit(store, job, part(1, node=1, path="out/a.pt"))
