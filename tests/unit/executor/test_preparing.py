"""Code and checkpoint are in place and verified before a rank starts, or it does not start."""

import io
import tarfile

import pytest

from launcher.errors import UnreachableError
from launcher.executor.preparing import SetupError, place_checkpoint, place_code, sha256_of
from launcher.model.checkpoint import FileEntry, Manifest
from launcher.model.wire import CheckpointRef

REF = CheckpointRef(7, 300)


def package(**files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


@pytest.fixture
def manifest(uplink):
    entries = [
        FileEntry(path, len(content), uplink.put(content), 0o600)
        for path, content in {"model.pt": b"weights", "a/optim.pt": b"momentum"}.items()
    ]
    uplink.manifests[7] = Manifest(1, 300, tuple(entries))
    return uplink.manifests[7]


def test_the_workdir_is_unpacked_once_and_kept(folder, uplink):
    digest = uplink.put(package(**{"train.py": b"print()", "data__x.txt": b"x"}))
    place_code(folder, uplink, digest)
    assert (folder.work / "data" / "x.txt").read_bytes() == b"x"
    (folder.work / "mine").write_text("kept")
    uplink.blobs.clear()
    place_code(folder, uplink, digest)
    assert (folder.work / "mine").read_text() == "kept"


def test_a_job_without_files_has_an_empty_workdir(folder, uplink):
    place_code(folder, uplink, "")
    assert list(folder.work.iterdir()) == []


def test_a_damaged_package_is_refused_and_leaves_no_workdir(folder, uplink):
    digest = uplink.put(package(**{"train.py": b"print()"}))
    uplink.blobs[digest] = b"garbage"
    with pytest.raises(SetupError, match="arrived damaged"):
        place_code(folder, uplink, digest)
    assert not folder.work.exists()


@pytest.mark.parametrize("name", ["..__evil", "/etc/evil"])
def test_a_package_that_leads_out_is_refused(folder, uplink, name):
    with pytest.raises(SetupError, match="does not unpack"):
        place_code(folder, uplink, uplink.put(package(**{name: b"x"})))
    assert not folder.work.exists()
    assert not (folder.path / "evil").exists()


def test_what_is_no_package_is_refused_and_can_be_tried_again(folder, uplink):
    with pytest.raises(SetupError, match="does not unpack"):
        place_code(folder, uplink, uplink.put(b"no tar"))
    place_code(folder, uplink, uplink.put(package(**{"train.py": b""})))
    assert (folder.work / "train.py").exists()


def test_a_download_cut_short_is_made_anew(folder, uplink):
    digest = uplink.put(package(**{"train.py": b""}))
    (folder.path / "work.tar").write_bytes(b"half")
    (folder.path / "work.new").mkdir()
    place_code(folder, uplink, digest)
    assert (folder.work / "train.py").exists()


def test_a_checkpoint_is_placed_with_its_modes(folder, uplink, manifest):
    placed = place_checkpoint(folder, uplink, REF)
    assert placed == folder.resume(7)
    assert (placed / "a" / "optim.pt").read_bytes() == b"momentum"
    assert (placed / "model.pt").stat().st_mode & 0o777 == 0o600


def test_an_intact_checkpoint_is_not_fetched_again(folder, uplink, manifest):
    place_checkpoint(folder, uplink, REF)
    uplink.blobs.clear()
    place_checkpoint(folder, uplink, REF)


@pytest.mark.parametrize("damage", ["changed", "missing", "more"])
def test_a_checkpoint_that_changed_here_is_fetched_again(folder, uplink, manifest, damage):
    placed = place_checkpoint(folder, uplink, REF)
    match damage:
        case "changed":
            (placed / "model.pt").write_bytes(b"weightz")
        case "missing":
            (placed / "model.pt").unlink()
        case "more":
            (placed / "torn.pt").write_bytes(b"x")
    place_checkpoint(folder, uplink, REF)
    assert (placed / "model.pt").read_bytes() == b"weights"
    assert not (placed / "torn.pt").exists()


def test_what_this_nodes_ranks_saved_is_not_downloaded(folder, uplink, manifest):
    saved = folder.checkpoints(1) / "step-300" / "a"
    saved.mkdir(parents=True)
    (saved.parent / "model.pt").write_bytes(b"weights")
    (saved / "optim.pt").write_bytes(b"momentum")
    uplink.blobs.clear()
    placed = place_checkpoint(folder, uplink, REF)
    assert (placed / "a" / "optim.pt").read_bytes() == b"momentum"


def test_a_torn_file_of_a_dead_attempt_is_never_what_the_program_finds(folder, uplink, manifest):
    torn = folder.checkpoints(1) / "step-300"
    torn.mkdir(parents=True)
    (torn / "model.pt").write_bytes(b"weightz")  # as long, but another content
    assert (place_checkpoint(folder, uplink, REF) / "model.pt").read_bytes() == b"weights"


def test_a_file_that_is_not_what_was_committed_is_refused(folder, uplink, manifest):
    uplink.blobs[manifest.files[0].sha256] = b"garbage"
    with pytest.raises(SetupError, match="not what was committed"):
        place_checkpoint(folder, uplink, REF)
    assert not folder.resume(7).exists()


def test_a_manifest_that_leads_out_is_refused(folder, uplink):
    uplink.manifests[7] = Manifest(1, 300, (FileEntry("../evil", 1, uplink.put(b"x")),))
    with pytest.raises(SetupError, match="outside itself"):
        place_checkpoint(folder, uplink, REF)
    assert not (folder.path / "resume" / "evil").exists()


def test_a_server_that_does_not_answer_is_asked_again(folder, uplink, manifest):
    uplink.fails = ["", "", "lost"]
    with pytest.raises(UnreachableError):
        place_checkpoint(folder, uplink, REF)
    assert not folder.resume(7).exists()
    assert place_checkpoint(folder, uplink, REF).is_dir()


def test_the_hash_of_a_large_file_is_its_hash(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"a" * (3 * 1024 * 1024 + 1))
    assert sha256_of(path).startswith("2b98b70051")
