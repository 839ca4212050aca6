"""Checkpoints on their way: in order, newest first when they pile up, and never half."""

import hashlib
import math

import pytest

from launcher.errors import ConflictError, DiskFullError, UnreachableError
from launcher.executor.saving import MOST_WAITING, Saver, read_manifest
from launcher.model.metric import CheckpointSaved


@pytest.fixture
def notes():
    return []


@pytest.fixture
def saver(folder, notes):
    return Saver(folder, notes.append)


@pytest.fixture
def save(folder, saver):
    def save(step, content=b"weights", name=None, **more):
        path = folder.checkpoints(1) / (name or f"step-{step}")
        path.mkdir(exist_ok=True)
        (path / "model.pt").write_bytes(content)
        saver.add(1, 0, CheckpointSaved(step, path.name, {}, more.get("sharded", False)))
        return path

    return save


def test_a_checkpoint_is_uploaded_then_committed(saver, save, uplink):
    save(3)
    assert not saver.is_done
    saver.save_next(uplink)
    (manifest,) = uplink.committed
    assert (manifest.attempt, manifest.step, manifest.rank) == (1, 3, None)
    assert list(uplink.blobs) == [manifest.files[0].sha256]
    assert saver.is_done


def test_what_the_server_has_is_not_uploaded_again(saver, save, uplink):
    digest = uplink.put(b"weights")
    save(3)
    uplink.upload = lambda *_: pytest.fail("it was uploaded again")
    saver.save_next(uplink)
    assert uplink.committed[0].files[0].sha256 == digest


def test_without_news_there_is_nothing_to_save(saver, uplink):
    saver.save_next(uplink)
    assert uplink.committed == []


def test_who_waits_for_news_goes_on_when_there_are_some_or_will_be_none(saver, save):
    save(1)
    assert saver.wait()
    saver.end()
    assert not saver.wait()


def test_a_committed_folder_stays_until_the_next_is_committed(saver, save, uplink):
    first, second = save(1), save(2)
    saver.save_next(uplink)
    assert first.is_dir()
    saver.save_next(uplink)
    assert (first.exists(), second.is_dir()) == (False, True)


def test_older_ones_are_given_up_when_newer_ones_wait(saver, save, uplink, notes):
    paths = [save(step) for step in range(MOST_WAITING + 2)]
    assert [path.exists() for path in paths] == [False, False, True, True]
    assert notes == [
        "checkpoint of step 0 given up: newer ones wait already",
        "checkpoint of step 1 given up: newer ones wait already",
    ]
    saver.save_next(uplink)
    assert uplink.committed[0].step == 2


def test_a_part_of_a_sharded_checkpoint_is_never_given_up(saver, save, notes):
    for step in range(MOST_WAITING + 2):
        save(step, sharded=True)
    assert notes == []


@pytest.mark.parametrize("fate", ["lost", "unanswered"])
def test_a_server_that_does_not_answer_leaves_it_waiting(saver, save, uplink, fate):
    path = save(1)
    uplink.fails = ["", "", fate]  # missing, upload, commit
    with pytest.raises(UnreachableError):
        saver.save_next(uplink)
    assert not saver.is_done
    saver.save_next(uplink)
    assert {manifest.step for manifest in uplink.committed} == {1}
    assert path.is_dir()


def test_a_refused_checkpoint_is_told_and_removed(saver, save, uplink, notes):
    def refuse(_):
        raise ConflictError("attempt 1 is over")

    path = save(4)
    uplink.commit = refuse
    saver.save_next(uplink)
    assert notes == ["checkpoint of step 4 not committed: attempt 1 is over"]
    assert not path.exists()
    assert saver.is_done


def test_a_blob_that_went_with_an_older_checkpoint_is_uploaded_again(saver, save, uplink):
    commits = []

    def commit(manifest):
        commits.append(manifest)
        if len(commits) == 1:
            uplink.blobs.clear()  # retention took it between our question and the commit
            raise ConflictError("1 of its files were not uploaded")

    save(4)
    uplink.commit = commit
    saver.save_next(uplink)
    assert len(commits) == 2
    assert uplink.blobs


def test_a_folder_that_is_gone_is_told(saver, save, uplink, notes):
    path = save(4)
    (path / "model.pt").unlink()
    path.rmdir()
    saver.save_next(uplink)
    assert notes == ["checkpoint of step 4 not committed: its folder step-4 is gone"]


def test_a_step_saved_again_is_committed_once_as_it_is_last(saver, save, uplink):
    save(1, b"old", name="latest")
    save(2, b"new", name="latest")
    saver.save_next(uplink)
    assert saver.is_done
    assert [manifest.step for manifest in uplink.committed] == [2]
    assert list(uplink.blobs.values()) == [b"new"]


def test_a_folder_replaced_while_it_was_hashed_is_not_removed(saver, save, uplink, notes):
    path = save(1, name="latest")

    def replaced(*_):
        save(2, b"new", name="latest")
        raise FileNotFoundError("it vanished under the hand")

    uplink.upload = replaced
    saver.save_next(uplink)
    assert path.is_dir()
    assert notes == []


def test_a_manifest_lists_every_file_below_the_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.pt").write_bytes(b"123")
    (tmp_path / "run.sh").write_bytes(b"")
    (tmp_path / "run.sh").chmod(0o755)
    saved = CheckpointSaved(5, "", {"loss": 0.5, "bad": math.nan}, sharded=True)
    manifest = read_manifest(tmp_path, 2, 1, saved)
    assert [(f.path, f.size, oct(f.mode)[-3:]) for f in manifest.files] == [
        ("a/b/x.pt", 3, "644"),
        ("run.sh", 0, "755"),
    ]
    assert manifest.files[0].sha256 == hashlib.sha256(b"123").hexdigest()
    assert (manifest.metrics, manifest.rank, manifest.sharded) == ({"loss": 0.5}, 1, True)


def test_a_path_that_leads_out_means_the_folder_of_that_name(folder, saver, uplink, notes):
    outside = folder.path / "outside"
    outside.mkdir()
    saver.add(1, 0, CheckpointSaved(1, "../../../outside", {}, sharded=False))
    saver.save_next(uplink)
    assert notes == ["checkpoint of step 1 not committed: its folder outside is gone"]
    assert outside.is_dir()


@pytest.mark.parametrize("name", ["..", "", ".", "/", "a/.."])
def test_a_name_that_is_no_folders_is_told(folder, saver, uplink, notes, name):
    saver.add(1, 0, CheckpointSaved(1, name, {}, sharded=False))
    saver.save_next(uplink)
    assert notes == [f"checkpoint of step 1 not committed: no folder {name!r}"]
    assert folder.checkpoints(1).is_dir()
    assert uplink.committed == []


def test_what_a_restored_server_hears_again_is_committed_again_if_it_is_still_here(
    saver, save, uplink, notes
):
    """Of what has gone with newer ones nothing is told: it was committed before."""
    for step in (1, 2):
        save(step)
        saver.save_next(uplink)
    for step in (1, 2):
        saver.add(1, 0, CheckpointSaved(step, f"step-{step}", {}, False))
        saver.save_next(uplink)
    assert [manifest.step for manifest in uplink.committed] == [1, 2, 2]
    assert notes == []


def test_a_checkpoint_that_finds_no_room_waits_and_is_told_once(
    saver, save, uplink, notes, monkeypatch
):
    def refuse(_):
        raise DiskFullError("no room for more files of a job")

    save(1)
    with monkeypatch.context() as patch:
        patch.setattr(uplink, "missing", refuse)
        for _ in range(3):
            with pytest.raises(DiskFullError):
                saver.save_next(uplink)
    assert notes == ["checkpoint of step 1 waits: no room for more files of a job"]
    assert not saver.is_done
    saver.save_next(uplink)
    assert [manifest.step for manifest in uplink.committed] == [1]
