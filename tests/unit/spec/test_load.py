import re
from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.spec.load import load_spec
from launcher.spec.program import needed_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job folder, the current one."""
    (tmp_path / "train.py").write_text("print('hello')\n")
    (tmp_path / "job.yaml").write_text("entrypoint: train.py\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(path: str | Path, *overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path, overrides)
    return str(caught.value)


def test_the_workdir_is_the_folder_of_the_spec_wherever_it_is_loaded_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert load_spec(folder / "job.yaml").workdir == str(folder)


def test_a_workdir_is_relative_to_the_spec(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text("")
    spec = load_spec("job.yaml", ["workdir=src", "entrypoint=a.py"])
    assert spec.workdir == str(folder / "src")


@pytest.mark.usefixtures("folder")
def test_a_missing_spec_is_told_with_its_neighbours() -> None:
    assert complaint("jobs.yaml") == "jobs.yaml: does not exist; did you mean job.yaml"
    assert complaint("job.yml") == "job.yml: does not exist; did you mean job.yaml"
    assert complaint("no/job.yaml") == "no/job.yaml: does not exist; neither does its folder no"


def test_a_folder_in_place_of_a_spec_is_told_with_the_spec_in_it(folder: Path) -> None:
    assert complaint(".") == ".: is a folder; did you mean job.yaml"
    (folder / "job.yaml").unlink()
    assert complaint(".") == ".: is a folder; launcher init writes a job.yaml"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: a\nx: \xff\xfe\n", "job.yaml:2:4: this file is not UTF-8; "),
        ("entrypoint: a.py\n".encode("utf-16"), "job.yaml:1:1: this file is UTF-16; "),
        (b"\x7fELF\x02\x01\x01\x00\x00", "job.yaml:1:1: a character that YAML does not allow"),
        (b"a: 1\nb: \x00", "job.yaml:2:4: a character that YAML does not allow (U+0000)"),
        (b"#" * (2**20 + 1), "job.yaml: is larger than 1 MiB; a job spec is a short YAML file"),
    ],
)
def test_a_file_that_is_no_text_is_refused(folder: Path, content: bytes, words: str) -> None:
    (folder / "job.yaml").write_bytes(content)
    assert complaint("job.yaml").startswith(words)


def test_a_workdir_that_is_no_folder_is_refused(folder: Path) -> None:
    (folder / "source").mkdir()
    (folder / "job.yaml").write_text("entrypoint: train.py\nworkdir: sourse\n")
    assert complaint("job.yaml") == (
        f"job.yaml:2:10: workdir: {folder}/sourse does not exist; did you mean {folder}/source"
    )
    assert complaint("job.yaml", "workdir=train.py") == (
        f"--set workdir=train.py: {folder}/train.py is a file, not a folder"
    )


def test_a_missing_script_is_told_with_its_neighbours(folder: Path) -> None:
    assert complaint("job.yaml", "entrypoint=trian.py") == (
        f"--set entrypoint=trian.py: 'trian.py' is not in the workdir {folder}; "
        "did you mean train.py"
    )
    (folder / "src").mkdir()
    (folder / "src" / "fit.py").write_text("")
    assert complaint("job.yaml", "entrypoint=fit.py").endswith("did you mean src/fit.py")
    assert complaint("job.yaml", "entrypoint=zzz.py").endswith("; it holds train.py, src/fit.py")


def test_a_workdir_without_any_script_is_told(folder: Path) -> None:
    (folder / "train.py").unlink()
    assert complaint("job.yaml").endswith("; no python file is")


def test_a_folder_in_place_of_a_script_is_told(folder: Path) -> None:
    (folder / "train.py").unlink()
    (folder / "train.py").mkdir()
    assert (
        complaint("job.yaml") == "job.yaml:1:13: entrypoint: 'train.py' is a folder, not a program"
    )


def test_a_syntax_error_is_told_before_the_job_waits_for_gpus(folder: Path) -> None:
    (folder / "train.py").write_text("import os\n\ndef f(:\n    pass\n")
    assert complaint("job.yaml") == "train.py:3:7: syntax error: invalid syntax"


@pytest.mark.parametrize("source", [b"return 1\n", b"x = '\xff'\n", b"a = 1\x00\n", b"if x:\ny\n"])
def test_what_python_cannot_compile_is_a_syntax_error(folder: Path, source: bytes) -> None:
    (folder / "train.py").write_bytes(source)
    text = complaint("job.yaml")
    assert text.startswith("train.py:")
    assert "syntax error: " in text


def test_the_warnings_of_a_program_are_its_own_affair(folder: Path) -> None:
    (folder / "train.py").write_text("assert (1, 'x')\nprint('\\d')\n")
    assert load_spec("job.yaml").name == "train"


def test_grammar_is_not_judged_for_an_interpreter_of_unknown_version(folder: Path) -> None:
    (folder / "train.py").write_text("a future statement\n")
    assert load_spec("job.yaml", ["python.interpreter=/opt/python9"]).name == "train"


def test_a_module_of_the_workdir_is_checked_like_a_script(folder: Path) -> None:
    package = folder / "pkg"
    package.mkdir()
    (package / "train.py").write_text("def f(:\n")
    assert complaint("job.yaml", "entrypoint=-m pkg.train").startswith("pkg/train.py:1:7: syntax")
    assert "did you mean pkg/train.py" in complaint("job.yaml", "entrypoint=-m pkg.trian")
    assert "the package pkg has no __main__.py" in complaint("job.yaml", "entrypoint=-m pkg")
    (package / "__main__.py").write_text("")
    assert load_spec("job.yaml", ["entrypoint=-m pkg"]).name == "pkg"


@pytest.mark.usefixtures("folder")
def test_a_module_that_the_nodes_may_have_is_not_looked_for() -> None:
    assert load_spec("job.yaml", ["entrypoint=-m installed.train"]).program.kind == "module"


@pytest.mark.parametrize(
    ("watched", "words"),
    [
        ("{workdir}/runs/*.pt", "lies in the workdir, of which the job has a copy of its own"),
        ("{workdir}", "write snapshot.pt or runs/checkpoint-*"),
    ],
)
def test_a_watched_path_that_means_ones_own_folder_is_told(
    folder: Path, watched: str, words: str
) -> None:
    (folder / "train.py").write_text("")
    pattern = watched.format(workdir=folder.resolve())
    spec = folder / "job.yaml"
    spec.write_text(f"entrypoint: train.py\ncheckpoints: {{watch: [a.pt, {pattern}]}}\n")
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        load_spec(spec)
    assert "checkpoints.watch.1" in str(caught.value)
    spec.write_text("entrypoint: train.py\ncheckpoints: {watch: [/mnt/elsewhere/*.pt]}\n")
    assert load_spec(spec).checkpoints.watch == ("/mnt/elsewhere/*.pt",)


@pytest.mark.usefixtures("folder")
def test_a_script_is_needed_in_the_package() -> None:
    assert needed_files(load_spec("job.yaml")) == ("train.py",)
    command = load_spec("job.yaml", ["framework=command", "entrypoint=make"])
    assert needed_files(command) == ()
