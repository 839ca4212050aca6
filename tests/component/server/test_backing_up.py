"""A server's state is copied while it runs, and restored whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile

import pytest
from sqlalchemy import select

from launcher.errors import ConflictError, LauncherError, NotFoundError, SpecError
from launcher.model.checkpoint import FileEntry, Manifest
from launcher.model.job import Job, Policy, Resources
from launcher.server import restoring
from launcher.server.backing_up import back_up
from launcher.store import checkpoints, jobs, open_store, removal, retention, tables

MODEL, CODE = b"model" * 1000, b"code"
pytestmark = pytest.mark.on_sqlite  # of PostgreSQL: test_on_postgresql.py


@pytest.fixture(scope="module", autouse=True)
def _no_waiting_for_disks():
    """No power is cut here."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "sync"):
            patch.setattr(os, name, lambda *_: None)
        yield


@contextlib.contextmanager
def opened(folder):
    """The store of a state."""
    with contextlib.closing(open_store(folder)) as store:
        yield store


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def state(tmp_path, fresh_state):
    """A folder with a job, its code, a checkpoint, logs of which one has a gap, and keys."""
    folder = shutil.copytree(fresh_state, tmp_path / "state")
    with opened(folder) as store:
        fill(store)
    (folder / "token").write_text("s3cret")
    (folder / "token").chmod(0o600)
    (folder / "secret.key").write_text("key")
    (folder / "server.json").write_text('{"pid": 1, "start": 1}')
    (folder / "server.log").write_text("noise")
    (folder / "ray").mkdir()
    (folder / "ray" / "session").write_text("of a process")
    return folder


def fill(store, name="digits-aaaaaa"):
    for data in (MODEL, CODE):
        store.blobs.put(digest(data), [data])
    parts = ("digits", "default", 50, "any", {}, digest(CODE), Resources(1), Policy(), 0.0)
    entry = FileEntry("model.pt", len(MODEL), digest(MODEL))
    with store.begin() as tx:
        jobs.insert(tx, Job(name, *parts), None)
        checkpoints.commit(tx, name, Manifest(1, 5, (entry,)), 1.0)
        store.logs.append(tx, name, 1, 0, "log", 0, b"hello\n")
        store.logs.append(tx, name, 1, 1, "log", 0, b"first\n")
        store.logs.skip(tx, name, 1, 1, "log", 6, 2**20, "lost")
        store.logs.append(tx, name, 1, 1, "log", 6 + 2**20, b"last\n")


def described(folder):
    """All that a state holds, as its server would tell."""
    with opened(folder) as store, store.read() as tx:
        return {
            "server": (store.server_id, store.secret),
            "jobs": {
                job.id: (
                    job.code,
                    [store.blobs.path(entry.sha256).read_bytes() for entry in files(tx, job.id)],
                    [(log, content(store, job.id, log)) for log in store.logs.streams(tx, job.id)],
                )
                for job in jobs.summaries(tx, states=None, project=None, limit=100)
            },
        }


def files(tx, job_id):
    return [entry for one in checkpoints.list_(tx, job_id) for entry in one.manifest.files]


def content(store, job_id, log):
    read, offset = b"", 0
    while offset < log.length:
        offset, count = log.kept_from(offset)
        read += store.logs.read(job_id, log.attempt, log.rank, log.stream, offset, count)
        offset += count
    return read


@pytest.fixture(params=["backup.tar", "backup"])
def target(request, tmp_path):
    return tmp_path / request.param


def test_what_was_backed_up_is_restored_with_the_keys_and_without_the_processes(
    state, target, tmp_path
):
    made = back_up(state, target)
    restored = tmp_path / "restored"
    restoring.restore(target, restored)
    assert described(restored) == described(state)
    assert made.manifest.jobs == 1
    assert (restored / "secret.key").read_text() == "key"
    assert (restored / "token").stat().st_mode & 0o777 == 0o600
    left_out = {"server.json", "server.log", "ray"}
    assert {path.name for path in restored.iterdir()}.isdisjoint(left_out)
    assert not list(tmp_path.glob(".*"))  # nothing half made is left


def test_a_log_is_as_long_as_the_database_says(state, target, tmp_path):
    log = state / "logs" / "digits-aaaaaa" / "1.0.log"
    with log.open("ab") as file:
        file.write(b"not committed yet")
    back_up(state, target)
    restoring.restore(target, tmp_path / "restored")
    copy = tmp_path / "restored" / "logs" / "digits-aaaaaa" / "1.0.log"
    assert copy.read_bytes() == b"hello\n"


def test_a_backup_is_made_while_the_store_is_open_and_written(state, target, tmp_path):
    with opened(state) as store:
        fill(store, "digits-bbbbbb")
        back_up(state, target)
        fill(store, "digits-cccccc")
    restoring.restore(target, tmp_path / "restored")
    assert set(described(tmp_path / "restored")["jobs"]) == {"digits-aaaaaa", "digits-bbbbbb"}


def test_a_second_backup_into_a_folder_copies_only_what_is_new(state, tmp_path):
    target = tmp_path / "backup"
    assert back_up(state, target).copied > len(MODEL)
    with opened(state) as store:
        fill(store, "digits-bbbbbb")
    again = back_up(state, target)
    databases = again.manifest.sizes["database"] + again.manifest.sizes["settings"]
    assert again.copied < databases + 300  # and the logs of the new job
    restoring.restore(target, tmp_path / "restored")
    assert described(tmp_path / "restored") == described(state)


def test_what_a_removed_job_had_leaves_the_folder(state, tmp_path):
    target = tmp_path / "backup"
    back_up(state, target)
    before = set(target.glob("objects/*/*"))
    with opened(state) as store, store.begin() as tx:
        removal.delete_rows(tx, ["digits-aaaaaa"])
    back_up(state, target)
    assert not (target / "objects" / digest(MODEL)[:2] / digest(MODEL)).exists()
    assert len(set(target.glob("objects/*/*")) & before) < len(before)
    assert restoring.check(target).jobs == 0


def test_a_checkpoint_that_is_given_up_meanwhile_is_no_part_of_the_backup(state, target, tmp_path):
    """Its files go after they were named, and before they are copied: it is looked at again."""

    def give_up(what):
        blob = state / "blobs" / digest(MODEL)[:2] / digest(MODEL)[2:4] / digest(MODEL)
        if "files" in what and blob.exists():
            with opened(state) as store, store.begin() as tx:
                (job_id,) = tx.scalars(select(tables.jobs.c.id))
                retention.give_up_checkpoints(tx, job_id, None, also_last=True)
            blob.unlink()

    made = back_up(state, target, tell=give_up)
    assert made.missing == 0
    restoring.restore(target, tmp_path / "restored")
    assert described(tmp_path / "restored") == described(state)


def test_a_file_that_is_missing_all_along_is_counted_and_the_rest_is_saved(state, target):
    shutil.rmtree(state / "blobs" / digest(MODEL)[:2])
    assert back_up(state, target).missing == 1
    assert restoring.check(target).jobs == 1


def test_a_damaged_backup_is_told_and_nothing_is_restored(state, target, tmp_path):
    back_up(state, target)
    damage(target)
    with pytest.raises(LauncherError, match="is damaged"):
        restoring.check(target)
    with pytest.raises(LauncherError, match="is damaged"):
        restoring.restore(target, tmp_path / "restored")
    assert list((tmp_path / "restored").iterdir()) == []


def damage(target):
    if target.is_dir():
        path = target / "objects" / digest(MODEL)[:2] / digest(MODEL)
        path.write_bytes(b"x" + path.read_bytes()[1:])
        return
    with tarfile.open(target) as tar:
        offset = next(member for member in tar if digest(MODEL) in member.name).offset_data
    with target.open("r+b") as file:
        file.seek(offset)
        file.write(b"x")


def test_a_folder_with_a_state_is_refused_in_words_and_put_aside_when_forced(
    state, target, tmp_path
):
    back_up(state, target)
    with opened(state) as store:
        fill(store, "digits-bbbbbb")
    with pytest.raises(ConflictError, match=r"is not empty: the state of a server with 2 jobs"):
        restoring.restore(target, state)
    _, aside = restoring.restore(target, state, force=True)
    assert set(described(state)["jobs"]) == {"digits-aaaaaa"}
    assert set(described(aside)["jobs"]) == {"digits-aaaaaa", "digits-bbbbbb"}
    assert (state / "ray" / "session").exists()  # of a process that may live


def test_a_folder_whose_server_runs_is_refused(state, target, monkeypatch):
    back_up(state, target)
    monkeypatch.setattr(restoring, "running_server", lambda _: "http://here:1")
    with pytest.raises(ConflictError, match=r"a server runs on .*: http://here:1"):
        restoring.restore(target, state, force=True)


def test_other_files_are_no_backup_and_are_never_overwritten(state, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("mine")
    for refuse in (lambda: back_up(state, text), lambda: restoring.check(text)):
        with pytest.raises(SpecError, match="no backup of launcher's"):
            refuse()
    assert text.read_text() == "mine"
    with pytest.raises(ConflictError, match="holds something else"):
        back_up(state, tmp_path)
    with pytest.raises(NotFoundError, match="there is no"):
        restoring.check(tmp_path / "none.tar")
    with pytest.raises(NotFoundError, match="no state of a server"):
        back_up(tmp_path / "none", tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()


def test_a_backup_that_breaks_off_leaves_the_one_before(state, target, monkeypatch):
    back_up(state, target)
    monkeypatch.setattr("launcher.server.backing_up._Copying.log", fail)
    with pytest.raises(LauncherError, match="no space left for the backup"):
        back_up(state, target)
    monkeypatch.undo()
    assert restoring.check(target).jobs == 1


def fail(*_):
    raise OSError(28, os.strerror(28))


def test_a_backup_that_names_files_outside_is_refused(state, tmp_path):
    target = tmp_path / "backup"
    back_up(state, target)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["files"][0]["name"] = "../evil"
    (target / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SpecError, match=r"outside of the state folder: '../evil'"):
        restoring.restore(target, tmp_path / "restored")
