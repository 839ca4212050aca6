"""What is said about `python.requirements` before uv sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.spec.load import load_spec
from launcher.spec.program import needed_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "requirements.txt").write_text("torch\n-r deps/base.txt\n")
    (tmp_path / "deps").mkdir()
    (tmp_path / "deps" / "base.txt").write_text("numpy\n--constraint=limits.txt\n-c https://x/y\n")
    (tmp_path / "deps" / "limits.txt").write_text("numpy<3\n")
    return tmp_path


def load(requirements: str):  # type: ignore[no-untyped-def]
    Path("job.yaml").write_text(f"entrypoint: train.py\npython: {{requirements: {requirements}}}\n")
    return load_spec("job.yaml")


def complaint(requirements: str) -> str:
    with pytest.raises(SpecError) as caught:
        load(requirements)
    return str(caught.value)


def test_a_file_is_sent_with_all_that_it_includes(folder: Path) -> None:
    spec = load("./requirements.txt")
    assert spec.python.requirements == "requirements.txt"
    assert set(needed_files(spec)) == {
        "train.py", "requirements.txt", "deps/base.txt", "deps/limits.txt",
    }  # fmt: skip


def test_a_list_is_taken_as_lines(folder: Path) -> None:
    spec = load("[numpy, 'torch>=2.4', --no-index]")
    assert spec.python.requirements == ("numpy", "torch>=2.4", "--no-index")
    assert needed_files(spec) == ("train.py",)


def test_a_project_file_is_a_file_of_requirements(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project]\ndependencies = ['-r x']\n")
    assert "pyproject.toml" in needed_files(load("pyproject.toml"))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("requirement.txt", "did you mean requirements.txt"),
        ("numpy", "packages are written as a list: [numpy]"),
        ("'numpy torch>=2'", "packages are written as a list: [numpy, torch>=2]"),
        ("deps", "'deps' is a folder"),
    ],
)
def test_a_file_that_is_not_there_is_missed_with_advice(
    folder: Path, written: str, words: str
) -> None:
    text = complaint(written)
    assert text.startswith("job.yaml:2:24: python.requirements: ")
    assert words in text


def test_an_included_file_is_missed_by_name(folder: Path) -> None:
    (folder / "deps" / "limits.txt").unlink()
    assert "requirements.txt includes deps/limits.txt, which is not in the workdir" in complaint(
        "requirements.txt"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-e .", "requirements.txt:1: an environment serves several jobs"),
        ("-r ../above.txt", "requirements.txt:1: ../above.txt lies outside of the workdir"),
    ],
)
def test_lines_that_cannot_stand_are_named(folder: Path, line: str, words: str) -> None:
    (folder / "requirements.txt").write_text(f"{line}\n")
    assert words in complaint("requirements.txt")


def test_a_file_that_is_no_text_is_told(folder: Path) -> None:
    (folder / "requirements.txt").write_bytes(b"\xff\xfe")
    assert "'requirements.txt' is not UTF-8 text" in complaint("requirements.txt")
