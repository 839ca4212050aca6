"""A job's files on a node: private, owned by one agent at a time, found again."""

import os
import subprocess
import sys

import pytest

from launcher.executor.folders import JobFolder, clear_gone, job_folders, jobs_root


@pytest.fixture
def own(folder):
    held = []

    def own(of=None):
        lock = (of or folder).try_own()
        if lock is not None:
            held.append(lock)
        return lock

    yield own
    for lock in held:
        os.close(lock)


def test_one_agent_owns_a_folder_at_a_time(folder, own):
    assert own() is not None
    assert own() is None


def test_a_dead_owner_leaves_no_lock(folder, own):
    program = "import sys; from pathlib import Path; from launcher.executor.folders import *\n"
    program += "assert JobFolder(Path(sys.argv[1])).try_own() is not None"
    subprocess.run([sys.executable, "-c", program, folder.path], check=True)
    assert own() is not None


def test_a_folder_that_its_owner_removed_is_owned_anew(folder, own):
    """The next allocation's agent may come while the last one still clears up."""
    lock = folder.try_own()
    late = os.open(folder.path / "owner", os.O_RDWR)
    folder.remove()
    os.close(lock)
    os.close(late)
    assert own() is not None
    assert own() is None
    assert (folder.path / "owner").exists()


def test_a_removal_that_was_broken_off_is_gone_on_with(folder, monkeypatch):
    root = folder.path.parent
    (folder.path / "file").touch()
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)
        folder.remove()
    assert job_folders(root) == []
    assert len(list(root.iterdir())) == 1
    clear_gone(root)
    assert list(root.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_does_not_count(folder, own, monkeypatch):
    """Opened before the owner removed it, locked after."""
    opened = os.open

    def open_then_lose(path, *arguments):
        descriptor = opened(path, *arguments)
        monkeypatch.setattr(os, "open", opened)
        folder.remove()
        return descriptor

    monkeypatch.setattr(os, "open", open_then_lose)
    assert own() is not None
    assert own() is None


def test_logs_and_spools_are_found_the_oldest_attempt_first(folder):
    for attempt, name in [(10, "rank-0.log"), (2, "rank-11.spool"), (2, "rank-0.error"), (2, "x")]:
        folder.attempt(attempt).mkdir(exist_ok=True)
        (folder.attempt(attempt) / name).touch()
    (folder.path / "attempts" / "notes").mkdir()
    found = [(file.attempt, file.rank, file.stream) for file in folder.rank_files()]
    assert found == [(2, 11, "spool"), (10, 0, "log")]


def test_raylets_that_share_a_machine_have_folders_of_their_own(tmp_path):
    one = JobFolder.of(tmp_path, "digits-abcdef", "aaaaaaaa0000")
    other = JobFolder.of(tmp_path, "digits-abcdef", "bbbbbbbb0000")
    assert one.path != other.path
    assert one.job_id == other.job_id == "digits-abcdef"


def test_the_root_is_private(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_SPOOL_ROOT", str(tmp_path / "spool"))
    root = jobs_root("it")
    assert root.stat().st_mode & 0o777 == 0o700


def test_a_root_that_is_a_link_is_refused(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("LAUNCHER_SPOOL_ROOT", str(tmp_path / "link"))
    with pytest.raises(PermissionError, match="LAUNCHER_SPOOL_ROOT"):
        jobs_root("it")
