from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.errors import ConflictError, DiskFullError, NotFoundError, SpecError
from launcher.store import open_store
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


@pytest.mark.on_sqlite
def test_what_a_crash_left_half_written_goes_when_a_server_alone_starts(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.blobs.put(SHA, [DATA])
    (tmp_path / "blobs" / "incoming" / "tmp123").write_bytes(DATA)
    with contextlib.closing(open_store(tmp_path)) as store:
        assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
        assert store.blobs.has(SHA)


def test_a_server_that_starts_beside_another_leaves_what_that_one_receives(
    blobs: FileBlobs,
) -> None:
    def chunks() -> Iterator[bytes]:
        yield DATA[:10]
        FileBlobs(blobs._root)
        yield DATA[10:]

    blobs.put(SHA, chunks())
    assert blobs.path(SHA).read_bytes() == DATA


# --- what nobody needs ---------------------------------------------------------------------------

NOW = 1_000_000.0


def aged(blobs: FileBlobs, sha256: str = SHA) -> Path:
    """The blob's file, as if nobody had asked for it for a second of 1970."""
    path = blobs.path(sha256)
    os.utime(path, (NOW - 1, NOW - 1))
    return path


def test_blobs_age_until_they_are_put_or_asked_for_again(blobs: FileBlobs) -> None:
    blobs.put(SHA, [DATA])
    assert list(blobs.older(NOW)) == []
    for renew in (blobs.renew, lambda _: blobs.missing([SHA]), lambda _: blobs.put(SHA, [])):
        aged(blobs)
        assert list(blobs.older(NOW)) == [[SHA]]
        renew(SHA)
        assert list(blobs.older(NOW)) == []
    aged(blobs)
    assert blobs.has(SHA)
    assert blobs.size(SHA)
    assert list(blobs.older(NOW)) == [[SHA]]  # to look is not to want


def test_what_is_not_here_is_not_renewed(blobs: FileBlobs) -> None:
    assert not blobs.renew(SHA)
    assert not blobs.has(SHA)


def test_an_old_blob_is_set_aside_and_then_deleted(blobs: FileBlobs) -> None:
    blobs.put(SHA, [DATA])
    aged(blobs)
    assert blobs.set_aside(SHA, NOW)
    assert not blobs.renew(SHA)
    assert blobs.clear(NOW) == len(DATA)
    assert half_written(blobs) == []
    assert not blobs.set_aside(SHA, NOW)
    assert blobs.put(SHA, [DATA]) == len(DATA)  # and may come again


def test_a_young_blob_is_not_set_aside(blobs: FileBlobs) -> None:
    blobs.put(SHA, [DATA])
    assert not blobs.set_aside(SHA, NOW)
    assert blobs.has(SHA)
    assert half_written(blobs) == []


def test_a_blob_that_is_renewed_while_it_is_set_aside_stays(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(SHA, [DATA])
    aged(blobs)
    rename, renewed = Path.rename, []

    def renew_first(path: Path, target: Path) -> Path:
        if not renewed:
            renewed.append(blobs.renew(SHA))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renew_first)
    assert not blobs.set_aside(SHA, NOW)
    assert renewed == [True]
    assert blobs.path(SHA).read_bytes() == DATA


def test_a_blob_that_goes_while_it_is_renewed_counts_as_missing(
    blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(SHA, [DATA])
    aged(blobs)
    utime, gone = os.utime, []

    def too_late(path: Path) -> None:
        """Its file is found, then it is set aside, and then only it is made young."""
        if not gone:
            gone.append(blobs.set_aside(SHA, NOW))
            (path,) = half_written(blobs)
        utime(path)

    monkeypatch.setattr(os, "utime", too_late)
    assert blobs.missing([SHA]) == [SHA]
    assert gone == [True]
    assert blobs.put(SHA, [DATA]) == len(DATA)
    assert blobs.path(SHA).read_bytes() == DATA


def test_a_transfer_that_was_broken_off_long_ago_is_cleared_and_one_under_way_is_not(
    blobs: FileBlobs,
) -> None:
    for name, moment in (("broken", NOW - 1), ("under-way", NOW + 1)):
        file = blobs._root / "incoming" / name
        file.write_bytes(DATA)
        os.utime(file, (moment, moment))
    assert blobs.clear(NOW) == len(DATA)
    assert [file.name for file in half_written(blobs)] == ["under-way"]
