from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.errors import ConflictError, SpecError
from launcher.model.checkpoint import FileEntry, Manifest
from launcher.model.job import Job, Policy, Resources
from launcher.store import Store, checkpoints, jobs, named


def entry(path: str, content: str = "") -> FileEntry:
    data = (content or path).encode()
    return FileEntry(path, len(data), hashlib.sha256(data).hexdigest(), 0o644)


def manifest(step: int, *files: FileEntry, attempt: int = 1, rank: int | None = None) -> Manifest:
    return Manifest(attempt, step, files or (entry("model.pt", str(step)),), rank=rank)


def commit(store: Store, job: Job, one: Manifest, now: float = 1.0) -> checkpoints.StoredCheckpoint:
    with store.begin() as tx:
        return checkpoints.commit(tx, job.id, one, now)


def add_part(
    store: Store, job: Job, one: Manifest, world_size: int
) -> checkpoints.StoredCheckpoint | None:
    with store.begin() as tx:
        return checkpoints.add_part(tx, job.id, one, world_size, 1.0)


def listed(store: Store, job: Job) -> list[checkpoints.StoredCheckpoint]:
    with store.read() as tx:
        return checkpoints.list_(tx, job.id)


def test_a_checkpoint_is_read_as_it_was_committed(store: Store, job: Job) -> None:
    files = (entry("model.pt"), entry("optimizer/state.pt"))
    saved = Manifest(2, 40, files, {"loss": math.inf}, sharded=False, rank=0)
    stored = commit(store, job, saved, now=7.0)
    assert (stored.job_id, stored.attempt, stored.step) == (job.id, 2, 40)
    assert (stored.manifest, stored.size, stored.created_at) == (saved, saved.size, 7.0)
    with store.read() as tx:
        assert checkpoints.get(tx, job.id, stored.id) == stored
        assert checkpoints.newest(tx, job.id) == stored
        assert checkpoints.get(tx, "other-aaaaaa", stored.id) is None
        assert checkpoints.newest(tx, "other-aaaaaa") is None


def test_a_metric_that_is_no_number_does_not_lose_the_checkpoint(store: Store, job: Job) -> None:
    commit(store, job, replace(manifest(1), metrics={"loss": math.nan}))
    assert math.isnan(listed(store, job)[0].manifest.metrics["loss"])


def test_the_newest_is_the_one_committed_last_not_the_one_of_the_highest_step(
    store: Store, job: Job
) -> None:
    for attempt, step in [(1, 10), (1, 20), (2, 15)]:
        commit(store, job, manifest(step, attempt=attempt))
    with store.read() as tx:
        newest = checkpoints.newest(tx, job.id)
    assert newest is not None
    assert (newest.attempt, newest.step) == (2, 15)
    assert [one.step for one in listed(store, job)] == [10, 20, 15]


def test_committing_again_gives_the_first(store: Store, job: Job) -> None:
    first = commit(store, job, manifest(1), now=1.0)
    assert commit(store, job, manifest(1), now=2.0) == first
    assert listed(store, job) == [first]


def test_other_files_for_the_same_step_are_refused(store: Store, job: Job) -> None:
    first = commit(store, job, manifest(1))
    with pytest.raises(ConflictError, match="attempt 1, step 1 was committed before"):
        commit(store, job, manifest(1, entry("model.pt", "other bytes")))
    assert listed(store, job) == [first]
    commit(store, job, manifest(1, entry("model.pt", "other bytes"), attempt=2))


def test_retention_gives_up_the_oldest_and_never_the_last(store: Store, job: Job) -> None:
    stored = [commit(store, job, manifest(step)) for step in range(5)]
    with store.begin() as tx:
        assert checkpoints.prune(tx, job.id, 2) == stored[:3]
        assert checkpoints.prune(tx, job.id, 2) == []
        assert checkpoints.list_(tx, job.id) == stored[3:]
        assert checkpoints.get(tx, job.id, stored[0].id) is None
        assert checkpoints.prune(tx, job.id, 0) == [stored[3]]
        assert checkpoints.newest(tx, job.id) == stored[4]


def test_a_late_word_does_not_bring_a_pruned_checkpoint_back_as_newest(
    store: Store, job: Job
) -> None:
    stored = [commit(store, job, manifest(step)) for step in (1, 2)]
    with store.begin() as tx:
        checkpoints.prune(tx, job.id, 1)
    assert commit(store, job, manifest(1)) == stored[0]
    assert listed(store, job) == [stored[1]]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([entry("../evil")], "leaves its folder"),
        ([entry("/etc/passwd")], "leaves its folder"),
        ([entry("a"), entry("a", "other")], "named twice"),
        ([entry("a/b"), entry("a")], "'a' is both a file and a folder"),
    ],
)
def test_paths_that_make_no_folder_are_refused(
    store: Store, job: Job, files: list[FileEntry], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        commit(store, job, manifest(1, *files))
    with pytest.raises(SpecError, match=words):
        add_part(store, job, manifest(1, *files, rank=0), world_size=1)


# --- sharded -------------------------------------------------------------------------------------


def part(rank: int, *files: FileEntry, step: int = 5, attempt: int = 1) -> Manifest:
    own = files or (entry(f"shard-{rank}.pt"), entry("config.json"))
    saved = manifest(step, *own, attempt=attempt, rank=rank)
    return replace(saved, sharded=True, metrics={"loss": float(rank)})


def test_a_sharded_checkpoint_is_committed_when_its_last_part_is_here(
    store: Store, job: Job
) -> None:
    assert add_part(store, job, part(2), 3) is None
    assert add_part(store, job, part(0), 3) is None
    assert listed(store, job) == []
    whole = add_part(store, job, part(1), 3)
    assert whole is not None
    assert listed(store, job) == [whole]
    assert [one.path for one in whole.manifest.files] == [
        "config.json",
        "shard-0.pt",
        "shard-1.pt",
        "shard-2.pt",
    ]
    assert (whole.manifest.rank, whole.manifest.sharded) == (None, True)
    assert whole.manifest.metrics == {"loss": 0.0}
    assert whole.size == whole.manifest.size


@settings(max_examples=settings.default.max_examples // 2)  # an example is many commits
@given(order=st.permutations([0, 1, 2]), again=st.lists(st.integers(0, 2), max_size=4))
def test_parts_doubled_and_in_any_order_make_one_checkpoint(
    shared_store: Store, order: list[int], again: list[int]
) -> None:
    with shared_store.begin() as tx:
        job_id = f"any-{len(list(jobs.active(tx)))}"
        jobs.insert(tx, _job(job_id), None)
    told = []
    for rank in [*again[:2], *order, *again[2:], *order]:
        with shared_store.begin() as tx:
            told.append(checkpoints.add_part(tx, job_id, part(rank), 3, 1.0))
    with shared_store.read() as tx:
        (whole,) = checkpoints.list_(tx, job_id)
    assert [one for one in told if one is not None] == [whole] * len([one for one in told if one])
    assert told[-1] == whole


def test_ranks_that_saved_different_files_under_one_path_are_named(store: Store, job: Job) -> None:
    add_part(store, job, part(0), 2)
    with pytest.raises(ConflictError, match=r"ranks 0 and 1 .* 'config.json'") as caught:
        add_part(store, job, part(1, entry("config.json", "other")), 2)
    assert "rank into the names" in (caught.value.hint or "")
    assert listed(store, job) == []
    assert add_part(store, job, part(1), 2) is not None


def test_a_part_that_comes_again_with_other_files_is_refused(store: Store, job: Job) -> None:
    add_part(store, job, part(0), 2)
    with pytest.raises(ConflictError, match="rank 0 was committed before"):
        add_part(store, job, part(0, entry("other.pt")), 2)


def test_ranks_that_disagree_on_the_world_are_refused(store: Store, job: Job) -> None:
    add_part(store, job, part(0), 3)
    with pytest.raises(ConflictError, match=r"world sizes differ by rank: \{0: 3, 1: 2\}"):
        add_part(store, job, part(1), 2)


@pytest.mark.parametrize("rank", [None, -1, 2])
def test_a_part_belongs_to_a_rank_of_the_world(store: Store, job: Job, rank: int | None) -> None:
    with pytest.raises(SpecError, match="in a world of 2"):
        add_part(store, job, replace(part(0), rank=rank), 2)


def test_parts_that_a_dead_attempt_left_go_with_the_next_commit(store: Store, job: Job) -> None:
    add_part(store, job, part(0, attempt=1), 2)
    add_part(store, job, part(0, attempt=2, step=9), 2)
    commit(store, job, manifest(6, attempt=2))
    with store.read() as tx:
        assert named.among(tx, [entry("shard-0.pt").sha256])
    assert add_part(store, job, part(1, attempt=2, step=9), 2) is not None
    assert add_part(store, job, part(1, attempt=1), 2) is None


def test_parts_of_two_steps_do_not_mix(store: Store, job: Job) -> None:
    assert add_part(store, job, part(0, step=1), 2) is None
    assert add_part(store, job, part(1, step=2), 2) is None


def _job(job_id: str) -> Job:
    return Job(job_id, "any", "default", 0, "any", {}, "", Resources(1), Policy(), 0.0)
