from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.errors import ConflictError, DiskFullError, NotFoundError, SpecError
from launcher.store.blobs import FileBlobs

DATA = b"weights" * 1000
SHA = hashlib.sha256(DATA).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


def half_written(blobs: FileBlobs) -> list[Path]:
    return list((blobs._root / "incoming").iterdir())


def test_a_blob_is_read_as_it_was_put(blobs: FileBlobs) -> None:
    assert blobs.put(SHA, [DATA[:10], DATA[10:]]) == len(DATA)
    assert blobs.has(SHA)
    assert blobs.size(SHA) == len(DATA)
    assert blobs.path(SHA).read_bytes() == DATA
    with blobs.open(SHA) as file:
        assert file.read() == DATA
    assert half_written(blobs) == []


def test_an_empty_file_is_a_blob(blobs: FileBlobs) -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert blobs.put(empty, []) == 0
    assert blobs.has(empty)


def test_putting_again_reads_nothing(blobs: FileBlobs) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError
        yield b""

    blobs.put(SHA, [DATA])
    assert blobs.put(SHA, never()) == len(DATA)


def test_bytes_of_another_digest_are_refused_and_leave_nothing(blobs: FileBlobs) -> None:
    with pytest.raises(ConflictError, match="arrived with the digest"):
        blobs.put(OTHER, [DATA])
    assert not blobs.has(OTHER)
    assert half_written(blobs) == []


def test_a_sender_that_goes_away_leaves_nothing(blobs: FileBlobs) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA[:10]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.put(SHA, broken())
    assert not blobs.has(SHA)
    assert half_written(blobs) == []


def test_a_full_disk_is_told_with_the_free_bytes_and_leaves_nothing(blobs: FileBlobs) -> None:
    def overflowing() -> Iterator[bytes]:
        yield DATA[:10]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError, match=rf"no space left for blob {SHA[:12]}: .* free") as told:
        blobs.put(SHA, overflowing())
    assert told.value.hint
    assert not blobs.has(SHA)
    assert half_written(blobs) == []


def test_missing_blobs_are_told_once_each_in_order(blobs: FileBlobs) -> None:
    blobs.put(SHA, [DATA])
    third = "0" * 64
    assert blobs.missing([OTHER, SHA, third, OTHER]) == [OTHER, third]


def test_what_is_not_here_is_not_found(blobs: FileBlobs) -> None:
    for look in (blobs.path, blobs.size, blobs.open):
        with pytest.raises(NotFoundError):
            look(SHA)


def test_a_deleted_blob_is_gone_and_deleting_again_is_no_harm(blobs: FileBlobs) -> None:
    blobs.put(SHA, [DATA])
    blobs.delete(SHA)
    blobs.delete(SHA)
    assert not blobs.has(SHA)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", SHA.upper(), SHA[:-1], SHA + "\n"])
def test_only_a_digest_names_a_blob(blobs: FileBlobs, name: str) -> None:
    with pytest.raises(SpecError, match="not a sha256"):
        blobs.has(name)
    with pytest.raises(SpecError, match="not a sha256"):
        blobs.put(name, [DATA])


def test_what_a_crash_left_half_written_is_swept_at_the_next_start(blobs: FileBlobs) -> None:
    (blobs._root / "incoming" / "tmp123").write_bytes(DATA)
    blobs.put(SHA, [DATA])
    again = FileBlobs(blobs._root)
    assert half_written(again) == []
    assert again.has(SHA)
