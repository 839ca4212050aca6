"""What is packaged and what is left out of a workdir; real git is the oracle where it is there."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.spec.workdir import list_workdir


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text("")
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def sent(workdir: Path) -> list[str]:
    return [item.path for item in list_workdir(workdir).items]


def left_out(workdir: Path) -> dict[str, str]:
    return dict(list_workdir(workdir).left_out)


def test_ignore_files_are_respected_where_they_stand(workdir: Path) -> None:
    write(workdir, {
        ".gitignore": "*.ckpt\n/data/\n# comment\n\n!keep.ckpt\n",
        "a.ckpt": "", "keep.ckpt": "", "data/x": "", "src/data/y": "",
        "src/.gitignore": "/secret\n!b.ckpt\n", "src/secret": "", "src/b.ckpt": "",
        "src/deep/secret": "", "secret": "",
    })  # fmt: skip
    assert sent(workdir) == [
        ".gitignore", "keep.ckpt", "secret", "src/.gitignore", "src/b.ckpt",
        "src/data/y", "src/deep/secret", "train.py",
    ]  # fmt: skip
    assert left_out(workdir) == {
        "a.ckpt": ".gitignore: *.ckpt",
        "data/": ".gitignore: /data/",
        "src/secret": "src/.gitignore: /secret",
    }


def test_launcherignore_has_the_last_word(workdir: Path) -> None:
    write(workdir, {
        ".gitignore": "/data/\n", ".launcherignore": "!/data/\n/notes\n",
        "data/x": "", "notes": "", "data/.gitignore": "y\n", "data/y": "",
    })  # fmt: skip
    assert sent(workdir) == [
        ".gitignore",
        ".launcherignore",
        "data/.gitignore",
        "data/x",
        "train.py",
    ]
    assert left_out(workdir)["notes"] == ".launcherignore: /notes"


def test_ignore_files_above_the_workdir_count_in_a_checkout(workdir: Path) -> None:
    write(workdir.parent, {".git/HEAD": "", ".gitignore": "*.log\n/work/out/\n"})
    write(workdir, {"a.log": "", "out/x": "", "sub/.gitignore": "!b.log\n", "sub/b.log": ""})
    assert sent(workdir) == ["sub/.gitignore", "sub/b.log", "train.py"]
    assert left_out(workdir) == {
        "a.log": "../.gitignore: *.log",
        "out/": "../.gitignore: /work/out/",
    }


def test_a_workdir_that_its_checkout_ignores_is_sent_on_purpose(workdir: Path) -> None:
    write(workdir.parent, {".git/HEAD": "", ".gitignore": "/work/\n"})
    assert sent(workdir) == ["train.py"]


def test_lines_that_are_no_patterns_are_passed_over_as_git_does(workdir: Path) -> None:
    (workdir / ".gitignore").write_bytes(b"!\n\\\n\xff\xfe\n*.log\n")
    write(workdir, {"a.log": ""})
    assert left_out(workdir) == {"a.log": ".gitignore: *.log"}


def test_litter_is_left_out_with_its_reason(workdir: Path) -> None:
    write(workdir, {
        ".git/HEAD": "", "pkg/__pycache__/a.pyc": "", ".venv/x": "",
        "my-env/pyvenv.cfg": "", "conda/conda-meta/history": "", "cache/.gitignore": "*\n",
        "digits-k3m9ap/.launcher-archive": "", ".launcher-replaced/x/a": "",
    })  # fmt: skip
    os.mkfifo(workdir / "pipe")
    assert sent(workdir) == ["train.py"]
    assert left_out(workdir) == {
        ".git/": "version control",
        ".launcher-replaced/": "put aside by jobs in place",
        ".venv/": "virtual environment",
        "cache/.gitignore": "cache/.gitignore: *",
        "conda/": "virtual environment",
        "digits-k3m9ap/": "archive of a job",
        "my-env/": "virtual environment",
        "pipe": "neither a file nor a folder",
        "pkg/__pycache__/": "compiled python",
    }


def test_a_symlink_where_the_spec_wants_a_link_is_left_out(workdir: Path, tmp_path: Path) -> None:
    (workdir / "data").symlink_to(tmp_path)
    listing = list_workdir(workdir, {"data": "/mnt/data"})
    assert [item.path for item in listing.items] == ["train.py"]
    assert listing.left_out == [("data", "links.data of the spec takes its place")]
    assert listing.complaints == []


def test_what_stands_in_the_place_of_a_link_of_the_spec_is_complained_about(workdir: Path) -> None:
    write(workdir, {"data/x": "", "val": "", "sub/keep": "", ".gitignore": "/ignored/\n"})
    write(workdir, {"ignored/x": ""})
    links = {"data": "/a", "val": "/b", "train.py/x": "/c", "sub/new": "/d", "ignored": "/e"}
    assert sorted(list_workdir(workdir, links).complaints) == [
        (
            "data/: stands where links.data shall be; "
            "rename one of them, or add /data/ to .launcherignore"
        ),
        "train.py: stands where the folder of links.train.py/x shall be; rename one of them",
        "val: stands where links.val shall be; rename one of them, or add /val to .launcherignore",
    ]


def test_a_socket_is_left_out(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workdir)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert left_out(workdir) == {"s": "neither a file nor a folder"}


TREE = ["a.py", "b.log", "data/a.py", "data/b.log", "data/sub/a.py", "sub/data/c", "sub/b.log"]
LINES = st.lists(
    st.sampled_from([
        "*.log", "!b.log", "data", "data/", "/data/", "/data", "data/*", "data/**", "!data/a.py",
        "!/data/", "sub/", "!sub/", "/sub/data", "**/sub", "sub/**/c", "*", "!*/", "/*", "!/data",
        "!a.py", "/a.py", "?.py", "[ab].*", "\\!x", "# data", "", "  ", "b.log  ", "!",
    ]),
    max_size=5,
)  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@settings(max_examples=settings.default.max_examples // 3)  # two processes each
@given(top=LINES, data=LINES)
def test_git_would_send_the_same(top: list[str], data: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, dict.fromkeys(TREE, ""))
        write(folder, {".gitignore": "\n".join(top), "data/.gitignore": "\n".join(data)})
        environment = {"PATH": os.environ["PATH"], "HOME": name, "GIT_CONFIG_NOSYSTEM": "1"}
        git = ["git", "-C", name]
        subprocess.run([*git, "init", "--quiet"], check=True, env=environment)
        listed = subprocess.run(
            [*git, "ls-files", "--others", "--exclude-standard", "-z"],
            check=True, env=environment, capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert sent(folder) == sorted(filter(None, listed.split("\0")))


def test_a_symlink_to_an_environment_elsewhere_is_left_out(workdir: Path, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/pyvenv.cfg").touch()
    (workdir / ".venv").symlink_to(tmp_path / "env")
    listing = list_workdir(workdir)
    assert (".venv", "virtual environment") in listing.left_out
    assert listing.complaints == []
