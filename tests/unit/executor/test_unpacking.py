"""A packaged workdir arrives as it was sent, on every Python; a forged one reaches nothing."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from launcher.executor.unpacking import UnsafePackageError, unpack
from launcher.spec.packaging import pack


def forged(path, *members):
    """A tar with members of the given shape: (name, type, linkname or contents)."""
    with tarfile.open(path, "w") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content
                archive.addfile(info)
    return path


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "outer" / "work"
    folder.mkdir(parents=True)
    return folder


def test_what_was_packed_is_unpacked(tmp_path, root):
    sent = tmp_path / "sent"
    (sent / "pkg" / "empty").mkdir(parents=True)
    (sent / "train.py").write_bytes(b"print('\xff')\n")
    (sent / "pkg" / "run.sh").write_text("#!/bin/sh\n")
    (sent / "pkg" / "run.sh").chmod(0o755)
    (sent / "pkg" / "up.py").symlink_to("../train.py")
    (sent / "data").symlink_to("pkg")
    package = pack(sent, folder=tmp_path)
    unpack(package.tar, root)
    assert (root / "train.py").read_bytes() == b"print('\xff')\n"
    assert os.access(root / "pkg" / "run.sh", os.X_OK)
    assert not os.access(root / "train.py", os.X_OK)
    assert (root / "pkg" / "empty").is_dir()
    assert (root / "pkg" / "up.py").readlink() == Path("../train.py")
    assert (root / "data" / "run.sh").exists()


@pytest.mark.parametrize(
    "members",
    [
        [("../out.txt", tarfile.REGTYPE, b"x")],
        [("/tmp/out.txt", tarfile.REGTYPE, b"x")],
        [("a/../../out.txt", tarfile.REGTYPE, b"x")],
        [("up", tarfile.SYMTYPE, "..")],
        [("pkg/up", tarfile.SYMTYPE, "../../out.txt")],
        [("passwd", tarfile.SYMTYPE, "/etc/passwd")],
        [("here", tarfile.SYMTYPE, "."), ("here/out.txt", tarfile.REGTYPE, b"x")],
        [("out.txt", tarfile.SYMTYPE, "b"), ("out.txt", tarfile.REGTYPE, b"x")],
        [("hard", tarfile.LNKTYPE, "../out.txt")],
        [("pipe", tarfile.FIFOTYPE, "")],
        [("disk", tarfile.BLKTYPE, "")],
    ],
    ids=lambda members: members[-1][0],
)
def test_what_could_reach_outside_is_refused(tmp_path, root, members):
    package = forged(tmp_path / "forged.tar", *members)
    with pytest.raises(UnsafePackageError):
        unpack(package, root)
    assert list(root.parent.iterdir()) == [root]


def test_rights_that_nobody_packed_are_not_given(tmp_path, root):
    with tarfile.open(tmp_path / "forged.tar", "w") as archive:
        info = tarfile.TarInfo("su")
        info.mode = 0o4777
        archive.addfile(info)
    unpack(tmp_path / "forged.tar", root)
    assert (root / "su").stat().st_mode & 0o7777 == 0o755


def test_a_package_that_is_cut_short_is_an_error(tmp_path, root):
    whole = forged(tmp_path / "whole.tar", ("train.py", tarfile.REGTYPE, b"x" * 5000))
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(tarfile.TarError):
        unpack(cut, root)
