import filecmp
import itertools
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.errors import LauncherError, SpecError
from launcher.executor.unpacking import unpack
from launcher.spec import packaging
from launcher.spec.packaging import Package, pack
from launcher.spec.tar import TarWriter
from launcher.spec.workdir import list_workdir


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    return folder


@pytest.fixture
def packed(workdir: Path, tmp_path: Path) -> Callable[[], Package]:
    """Packs the workdir into a folder that goes with the test."""
    out = tmp_path / "out"
    out.mkdir()
    return lambda: pack(workdir, folder=out)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def sent(workdir: Path) -> list[str]:
    return [item.path for item in list_workdir(workdir).items]


def left_out(workdir: Path) -> dict[str, str]:
    return dict(list_workdir(workdir).left_out)


def test_a_package_unpacks_to_what_was_packed(
    workdir: Path, packed: Callable[[], Package], tmp_path: Path
) -> None:
    write(workdir, {"pkg/a.py": "a = 1\n", "data/ä b.txt": "x" * 100_000, "run.sh": "#!/bin/sh\n"})
    (workdir / "run.sh").chmod(0o700)
    (workdir / "train.py").chmod(0o600)
    (workdir / "results").mkdir()
    (workdir / "link").symlink_to("pkg/a.py")
    (workdir / "pkg" / "up").symlink_to("..")
    (workdir / "absolute").symlink_to(workdir / "pkg")
    package = packed()
    node = tmp_path / "node"
    node.mkdir()
    unpack(package.tar, node)
    assert (node / "data" / "ä b.txt").read_text() == "x" * 100_000
    assert (node / "link").readlink() == Path("pkg/a.py")
    assert (node / "absolute").readlink() == Path("pkg")
    assert (node / "pkg" / "up" / "train.py").read_text() == "print('hello')\n"
    assert (node / "results").is_dir()
    assert (node / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (node / "train.py").stat().st_mode & 0o777 == 0o644
    assert (package.files, package.left_out) == (4, ())
    assert package.total_bytes == sum(
        (workdir / name).stat().st_size
        for name in ["pkg/a.py", "data/ä b.txt", "run.sh", "train.py"]
    )


def test_the_name_of_a_package_is_the_hash_of_its_bytes(packed: Callable[[], Package]) -> None:
    package = packed()
    assert package.sha256 == packaging.hashlib.sha256(package.tar.read_bytes()).hexdigest()


def test_times_owners_and_places_do_not_change_the_hash(
    workdir: Path, packed: Callable[[], Package], tmp_path: Path
) -> None:
    write(workdir, {"b/x": "1", "a/y": "2", "Z": "3"})
    first = packed()
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ["train.py", "Z", "a/y", "b/x"]:  # another order of creation
        write(copy, {name: (workdir / name).read_text()})
        os.utime(copy / name, (1, 1))
        (copy / name).chmod(0o664)
    assert pack(copy, folder=tmp_path).sha256 == first.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "train.py").write_text("print('other')\n"),
        lambda folder: (folder / "train.py").rename(folder / "main.py"),
        lambda folder: (folder / "train.py").chmod(0o755),
        lambda folder: (folder / "empty").mkdir(),
    ],
    ids=["content", "name", "executable", "empty folder"],
)
def test_what_the_program_could_notice_changes_the_hash(
    workdir: Path, packed: Callable[[], Package], change: Callable[[Path], object]
) -> None:
    before = packed().sha256
    change(workdir)
    assert packed().sha256 != before


def test_the_format_is_the_same_as_in_the_version_that_made_this_hash(
    workdir: Path, packed: Callable[[], Package]
) -> None:
    write(workdir, {"pkg/a.py": "a = 1\n", "n" * 120: "long"})
    (workdir / "link").symlink_to("train.py")
    assert packed().sha256 == "2d2edbb3140ec852b0190a4631b0ccb89ddc4664d8594dddde055daa47588e13"


def test_a_link_out_of_the_workdir_is_refused_by_name(workdir: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (workdir / "data").symlink_to("../data")
    (workdir / "train.log").symlink_to("/dev/null")
    with pytest.raises(SpecError) as caught:
        pack(workdir)
    first, second = str(caught.value).splitlines()
    assert first == (
        f"data: a symlink to ../data, out of the workdir; write links: {{data: {tmp_path}/data}} "
        "in the spec, or add /data to .launcherignore"
    )
    assert second.startswith("train.log: a symlink to /dev/null, out of the workdir; ")
    (workdir / ".launcherignore").write_text("/data\n/train.log\n")
    assert sent(workdir) == [".launcherignore", "train.py"]


def test_links_to_nothing_and_to_what_is_left_out_are_left_out(workdir: Path) -> None:
    write(workdir, {".gitignore": "/data/\n", "data/x": ""})
    (workdir / "gone").symlink_to("nowhere")
    (workdir / "self").symlink_to("self")
    (workdir / "x").symlink_to("data/x")
    assert left_out(workdir) == {
        "data/": ".gitignore: /data/",
        "gone": "a symlink to nowhere, which does not exist",
        "self": "a symlink to self, which does not exist",
        "x": "a symlink to data/x, which is left out",
    }


def test_a_workdir_behind_a_link_is_packed(workdir: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(workdir)
    (workdir / "back").symlink_to(tmp_path / "alias" / "train.py")
    (workdir / "round").symlink_to("../work/train.py")
    assert {item.path: item.target for item in list_workdir(tmp_path / "alias").items} == {
        "back": "train.py",
        "round": "train.py",
        "train.py": "",
    }


def test_too_large_a_workdir_is_told_with_its_largest_files(workdir: Path) -> None:
    for number in range(12):
        (workdir / f"part-{number:02}").write_bytes(b"x" * 1024 * (number + 1))
    with pytest.raises(SpecError) as caught:
        pack(workdir, limit_bytes=50 * 1024)
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"workdir {workdir} holds 78 KiB to send, the limit is 50 KiB; the largest files are"
    )
    assert [line.split() for line in lines[1:3]] == [
        ["12", "KiB", "part-11"],
        ["11", "KiB", "part-10"],
    ]
    assert len(lines) == 11
    assert caught.value.hint is not None
    assert "echo '/part-11' >> .launcherignore" in caught.value.hint


def test_far_too_many_files_are_told_before_all_are_listed(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.spec.workdir.MAX_FILES", 3)
    write(workdir, {f"f{number}": "" for number in range(4)})
    with pytest.raises(SpecError, match="more than 3 files"):
        pack(workdir)


def test_a_file_that_the_job_needs_may_not_be_left_out(workdir: Path, tmp_path: Path) -> None:
    write(workdir, {".gitignore": "src/\n", "src/train.py": ""})
    with pytest.raises(SpecError) as caught:
        pack(workdir, required=["./src/train.py"])
    assert str(caught.value) == (
        "src/train.py: the job needs it, but it is left out (.gitignore: src/); "
        "add !/src/ to .launcherignore"
    )
    (workdir / ".launcherignore").write_text("!/src/\n")
    assert pack(workdir, required=["./src/train.py"], folder=tmp_path).files == 4


class Meddler:
    """Stands between the listing and the packing of a workdir, and changes it there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, change: Callable[[int], None]) -> None:
        self.calls = 0
        self._change = change
        self._add = packaging._add
        monkeypatch.setattr(packaging, "_add", self)

    def __call__(self, *args: object) -> None:
        self.calls += 1
        self._change(self.calls)
        self._add(*args)  # type: ignore[arg-type]


def test_a_file_that_vanishes_meanwhile_is_tried_once_more(
    workdir: Path, packed: Callable[[], Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workdir, {"a.tmp": ""})
    meddler = Meddler(monkeypatch, lambda _: (workdir / "a.tmp").unlink(missing_ok=True))
    package = packed()
    assert (package.files, meddler.calls) == (1, 2)
    with tarfile.open(package.tar) as tar:
        assert tar.getnames() == ["train.py"]


def test_a_file_that_keeps_vanishing_is_told(
    workdir: Path, packed: Callable[[], Package], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(workdir, {"a.tmp": "", "b.tmp": ""})
    Meddler(monkeypatch, lambda call: (workdir / f"{'xab'[call]}.tmp").unlink())
    with pytest.raises(SpecError) as caught:
        packed()
    assert str(caught.value) == "b.tmp: changes while the workdir is packaged"
    assert caught.value.hint == "stop what writes it, or add /b.tmp to .launcherignore"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("change", [b"longer than before", b"", b"print('hullo')\n"])
def test_a_file_that_is_written_while_it_is_read_is_told(
    workdir: Path,
    packed: Callable[[], Package],
    monkeypatch: pytest.MonkeyPatch,
    change: bytes,
) -> None:
    real, times = TarWriter.add, itertools.count()

    def write_meanwhile(tar: TarWriter, info: tarfile.TarInfo, file: object = None) -> None:
        (workdir / "train.py").write_bytes(change)
        real(tar, info, file)  # type: ignore[arg-type]
        os.utime(workdir / "train.py", (0, next(times)))

    monkeypatch.setattr(TarWriter, "add", write_meanwhile)
    with pytest.raises(SpecError, match=r"train\.py: changes while"):
        packed()


def test_files_that_cannot_be_read_are_all_told(
    workdir: Path, packed: Callable[[], Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workdir, {"a": "", "b": ""})
    real = os.open

    def refuse(path: str | Path, *args: int, **kwargs: int) -> int:
        if Path(path) in {workdir / "a", workdir / "b"}:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SpecError) as caught:
        packed()
    assert str(caught.value).splitlines() == [
        f"{name}: cannot be read: Permission denied; make it readable or add it to .launcherignore"
        for name in "ab"
    ]


def test_a_folder_that_cannot_be_listed_is_told(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "private").mkdir()
    real = os.scandir

    def refuse(path: Path) -> object:
        if path == workdir / "private":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SpecError, match="private/: cannot be read: Permission denied"):
        pack(workdir)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_and_leaves_nothing(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    full = tmp_path / "full.tar"

    def on_a_full_disk(**_: object) -> tuple[int, str]:
        full.write_bytes(b"")
        return os.open("/dev/full", os.O_WRONLY), str(full)

    (workdir / "large").write_bytes(b"x" * 2**22)
    monkeypatch.setattr("tempfile.mkstemp", on_a_full_disk)
    with pytest.raises(LauncherError, match="No space left on device"):
        pack(workdir)
    assert not full.exists()


def test_packing_leaves_the_workdir_as_it_was(
    workdir: Path, packed: Callable[[], Package], tmp_path: Path
) -> None:
    shutil.copytree(workdir, tmp_path / "before")
    packed()
    assert not filecmp.dircmp(workdir, tmp_path / "before").diff_files
    assert sent(workdir) == sent(tmp_path / "before")
