"""Before an attempt the watched files are those that were committed last, and nothing else is."""

from dataclasses import replace

import pytest

from launcher.errors import UnreachableError
from launcher.executor.preparing import SetupError, place_checkpoint
from launcher.executor.putting_back import REPLACED, put_back
from launcher.model.checkpoint import FileEntry, Manifest, Watched
from launcher.model.wire import CheckpointRef


@pytest.fixture
def work(folder):
    folder.work.mkdir()
    (folder.work / "train.py").write_text("program")
    return folder.work


@pytest.fixture
def commit(uplink):
    def commit(number, per_node=False, **files):
        """Files by their names, with __ for a slash."""
        entries = [
            FileEntry(name.replace("__", "/"), len(text), uplink.put(text.encode()), 0o600, 1e9)
            for name, text in files.items()
        ]
        watched = Watched(0, 1, per_node)
        uplink.manifests[number] = Manifest(1, number * 10, tuple(entries), watched=watched)
        return CheckpointRef(number, number * 10)

    return commit


@pytest.fixture
def back(folder, uplink, work):
    def back(*patterns, attempt=2, node=0, resume=None, in_place=None):
        place = replace(folder, in_place=in_place) if in_place else folder
        return put_back(place, uplink, patterns, attempt=attempt, node=node, resume=resume)

    return back


def files_of(root):
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def test_torn_and_newer_files_give_way_to_the_committed_ones(work, back, commit):
    back("*.pt", "out", attempt=1)
    commit(1, snapshot__pt="whole", out__a="committed", **{"model.pt": "weights"})
    (work / "model.pt").write_text("torn")
    (work / "newer.pt").write_text("never committed")
    (work / "out").mkdir()
    (work / "out" / "half").write_text("x")
    (work / "mine.csv").write_text("not watched")
    back("*.pt", "out")
    expected = {"train.py": "program", "mine.csv": "not watched", "model.pt": "weights"}
    assert files_of(work) == {**expected, "out/a": "committed"}


def test_what_is_put_back_has_its_mode_and_its_time(work, back, commit):
    commit(1, **{"model.pt": "weights"})
    back("*.pt")
    found = (work / "model.pt").stat()
    assert (found.st_mode & 0o777, found.st_mtime) == (0o600, 1e9)


def test_a_file_that_is_as_committed_is_left_alone(work, back, commit):
    commit(1, **{"model.pt": "weights"})
    (work / "model.pt").write_text("weights")
    inode = (work / "model.pt").stat().st_ino
    back("*.pt")
    assert (work / "model.pt").stat().st_ino == inode


def test_the_newest_is_put_back(work, back, commit):
    commit(1, **{"model.pt": "old"})
    commit(2, **{"model.pt": "new"})
    assert back("*.pt").step == 20
    assert (work / "model.pt").read_text() == "new"


def test_as_long_as_nothing_was_committed_the_packages_own_files_are_put_back(work, back):
    (work / "pretrained.pt").write_text("from the package")
    (work / "checkpoints").mkdir()
    assert back("*.pt", "checkpoints", attempt=1) is None
    (work / "pretrained.pt").write_text("torn")
    (work / "checkpoints" / "step-1").mkdir()
    (work / "checkpoints" / "step-1" / "model").write_text("torn")
    assert back("*.pt", "checkpoints", attempt=2) is None
    assert files_of(work) == {"train.py": "program", "pretrained.pt": "from the package"}
    assert [p.name for p in (work / "checkpoints").parent.iterdir() if p.is_dir()] == [
        "checkpoints"
    ]
    assert list((work / "checkpoints").iterdir()) == []


def test_an_empty_folder_of_a_save_that_was_cut_short_goes(work, back, commit):
    back("runs/checkpoint-*", attempt=1)
    commit(1, **{"runs__checkpoint-1__model": "1"})
    (work / "runs" / "checkpoint-2" / "deep").mkdir(parents=True)
    back("runs/checkpoint-*")
    assert sorted(p.name for p in (work / "runs").iterdir()) == ["checkpoint-1"]


def test_files_of_absolute_paths_are_never_touched(work, back, commit, tmp_path):
    outside = tmp_path / "shared.pt"
    outside.write_text("newer")
    commit(1, **{f"_outside{outside}".replace("/", "__"): "older", "a.pt": "A"})
    back(str(outside), "*.pt")
    assert outside.read_text() == "newer"
    assert files_of(work) == {"train.py": "program", "a.pt": "A"}


def test_a_node_gets_its_own_where_each_has_its_own(work, back, commit):
    commit(1, per_node=True, **{"node-0__a.pt": "of 0", "node-1__a.pt": "of 1"})
    back("*.pt", node=1)
    assert (work / "a.pt").read_text() == "of 1"


def test_only_watched_files_are_put_back(work, back, commit):
    """As when the job begins from another one, that watched more."""
    commit(1, **{"train.py": "another program", "a.pt": "A"})
    back("*.pt")
    assert files_of(work) == {"train.py": "program", "a.pt": "A"}


def test_a_file_that_is_not_what_was_committed_keeps_the_attempt_from_starting(
    work, back, commit, uplink
):
    commit(1, **{"a.pt": "A"})
    for digest in uplink.blobs:
        uplink.blobs[digest] = b"damaged"
    with pytest.raises(SetupError, match="not what was committed"):
        back("*.pt")
    assert not (work / "a.pt").exists()


def test_a_link_in_the_way_is_not_written_through(work, back, commit, tmp_path):
    commit(1, **{"out__a.pt": "A"})
    (tmp_path / "elsewhere").mkdir()
    (work / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match=r"'out/a.pt' lies behind a link"):
        back("out/*.pt")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_replaced(work, back, commit):
    commit(1, **{"a.pt": "A"})
    (work / "target").write_text("kept")
    (work / "a.pt").symlink_to("target")
    back("*.pt")
    assert (work / "a.pt").read_text() == "A"
    assert (work / "target").read_text() == "kept"


def test_in_the_users_own_folder_what_gives_way_is_kept_aside(back, commit, tmp_path, folder):
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.pt").write_text("as the user left it")
    back("*.pt", attempt=1, in_place=own)
    commit(1, **{"a.pt": "committed"})
    (own / "a.pt").write_text("torn")
    (own / "b.pt").write_text("newer")
    back("*.pt", in_place=own)
    assert files_of(own) == {
        "a.pt": "committed",
        f"{REPLACED}/{folder.job_id}-2/a.pt": "torn",
        f"{REPLACED}/{folder.job_id}-2/b.pt": "newer",
    }


def test_the_checkpoint_to_resume_from_stays_beside_the_watched_files(
    work, back, commit, folder, uplink
):
    uplink.manifests[5] = Manifest(1, 50, (FileEntry("model", 1, uplink.put(b"x")),))
    commit(3, **{"a.csv": "A"})
    saved = CheckpointRef(5, 50)
    for _ in range(2):
        place_checkpoint(folder, uplink, saved)
        back("*.csv", resume=saved)
        assert files_of(folder.resume(5)) == {"model": "x"}
        assert (work / "a.csv").read_text() == "A"


def test_copies_of_earlier_attempts_go_once_their_successor_is_in_place(
    work, back, commit, folder, uplink
):
    copied = folder.watched(1) / "4"
    copied.mkdir(parents=True)
    (copied / "a.pt").write_text("A")
    commit(1, **{"a.pt": "A"})
    uplink.blobs.clear()  # the copy serves: nothing is downloaded
    back("*.pt")
    assert (work / "a.pt").read_text() == "A"
    assert not copied.exists()


def test_a_server_that_does_not_answer_is_asked_again(work, back, commit, uplink):
    commit(1, **{"a.pt": "A"})
    (work / "a.pt").write_text("torn")
    for fate in (["lost"], ["", "lost"], ["", "", "", "lost"]):
        uplink.fails = fate
        with pytest.raises(UnreachableError):
            back("*.pt")
    back("*.pt")
    assert (work / "a.pt").read_text() == "A"
