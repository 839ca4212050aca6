"""What two jobs must have in common to share an environment, and which words uv is given."""

import sys
from pathlib import Path

import pytest

from launcher.executor import wishes
from launcher.executor.building import Builder, found_uv, last_words, uv_environment
from launcher.executor.environments import Environments
from launcher.executor.indexes import lines_for_pip, pip_from_uv, uv_from_pip
from launcher.executor.preparing import SetupError
from launcher.executor.pythons import interpreter
from launcher.model.launch import Requirements


@pytest.fixture
def work(tmp_path):
    (tmp_path / "deps").mkdir()
    (tmp_path / "requirements.txt").write_text("-r deps/base.txt\ntorch\n")
    (tmp_path / "deps" / "base.txt").write_text("--find-links ../wheels\n-c limits.txt\nnumpy\n")
    (tmp_path / "deps" / "limits.txt").write_text("numpy<3\n")
    (tmp_path / "wheels").mkdir()
    return tmp_path


def recipe(work, *lines, file="", code="c0de"):
    return wishes.recipe(Requirements(lines, file), sys.executable, work, code)


def test_a_file_counts_with_all_that_it_includes(work):
    before = recipe(work, file="requirements.txt")
    assert list(before.texts) == ["requirements.txt", "deps/base.txt", "deps/limits.txt"]
    (work / "deps" / "limits.txt").write_text("numpy<2\n")
    assert recipe(work, file="requirements.txt").wish != before.wish


def test_files_that_include_each_other_are_read_once(work):
    (work / "deps" / "limits.txt").write_text("-r ../requirements.txt\n")
    assert len(recipe(work, file="requirements.txt").texts) == 3


def test_a_missing_file_is_named(work):
    (work / "requirements.txt").write_text("-r gone.txt\n")
    with pytest.raises(SetupError, match=r"gone\.txt cannot be read"):
        recipe(work, file="requirements.txt")


def test_the_same_versions_are_the_same_environment_whatever_was_asked_for(work):
    loose, strict = recipe(work, "torch"), recipe(work, "torch==2.4")
    assert loose.wish != strict.wish
    assert loose.key("torch==2.4\n") == strict.key("torch==2.4\n") != loose.key("torch==2.5\n")


@pytest.mark.parametrize(
    ("line", "is_local"),
    [
        ("torch>=2", False),
        ("./pack", True),
        ("pack-1.0-py3-none-any.whl", True),
        ("pack @ file:///opt/pack", True),
        ("pack @ https://example.org/pack.tar.gz", False),
        ("git+https://example.org/pack", False),
        ("--find-links ./wheels", False),
        ("# ./pack", False),
    ],
)
def test_code_counts_where_packages_of_the_workdir_are_installed(work, line, is_local):
    keys = {recipe(work, line, code=code).key("") for code in ("a", "b")}
    assert (len(keys) == 2) is is_local


def test_whoever_installs_gets_the_same_sources_of_packages(work):
    texts = recipe(work, file="requirements.txt").texts
    assert wishes.options_of(texts, work) == [f"--find-links {work}/deps/../wheels"]
    lines = {"": "--index-url https://example.org\n--no-index\ntorch\n--find-links /opt/x\n"}
    assert wishes.options_of(lines, work) == [
        "--index-url https://example.org",
        "--no-index",
        "--find-links /opt/x",
    ]


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("--find-links ./wheels", "--find-links {}/wheels"),
        ("-f wheels", "-f {}/wheels"),
        ("--find-links=gone", "--find-links=gone"),
        ("--index-url https://example.org", "--index-url https://example.org"),
        ("--no-index", "--no-index"),
        ("torch>=2", "torch>=2"),
    ],
)
def test_a_folder_of_packages_is_named_so_that_it_is_found_from_everywhere(work, line, whole):
    assert wishes.with_whole_path(line, work) == whole.format(work)


def test_what_is_no_python_is_told(tmp_path):
    wrong = tmp_path / "python"
    wrong.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    wrong.chmod(0o755)
    with pytest.raises(SetupError, match="is no python that runs: broken"):
        wishes.identity(str(wrong))


def test_an_interpreter_is_found_as_a_shell_in_the_jobs_folder_would(tmp_path, monkeypatch):
    assert interpreter(None, tmp_path) == sys.executable
    assert interpreter(sys.executable, tmp_path) == sys.executable
    for folder in (tmp_path / "work" / "bin", tmp_path / "home" / "bin"):
        folder.mkdir(parents=True)
        (folder / "python").touch(mode=0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    assert interpreter("bin/python", work) == str(work / "bin" / "python")
    assert interpreter("~/bin/python", work) == str(tmp_path / "home" / "bin" / "python")
    monkeypatch.setenv("PATH", str(work / "bin"))
    assert interpreter("python", work) == str(work / "bin" / "python")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("/nowhere/python", "/nowhere/python does not exist on node"),
        ("python9.9", "python9.9 is not on the PATH on node"),
        ("plain", "is not executable on node"),
        (".", "is a folder on node"),
    ],
)
def test_an_interpreter_that_cannot_run_is_named_with_its_node(tmp_path, written, words):
    (tmp_path / "plain").touch(mode=0o644)
    path = written if written.startswith(("/", "python")) else f"./{written}"
    with pytest.raises(SetupError, match=words):
        interpreter(path, tmp_path)


class Commands:
    """Answers uv's commands: what was run, and what each does."""

    def __init__(self, log, *answers):
        self.log, self.answers, self.run = log, list(answers), []

    def __call__(self, command, _):
        self.run.append([*command])
        code, words = self.answers.pop(0) if self.answers else (0, "")
        with self.log.open("a") as log:
            log.write(words)
        return code


def builder(tmp_path, commands, wait=lambda: None):
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir(exist_ok=True)
    uv.touch(mode=0o755)
    env = {"PATH": str(uv.parent), "HOME": str(tmp_path)}
    return Builder(Environments(tmp_path / "all"), commands, env, commands.log, wait)


def test_a_failure_is_told_in_the_resolvers_words(tmp_path):
    (tmp_path / "all").mkdir()
    commands = Commands(tmp_path / "log", (1, "error: No solution found\n  cause: no a==9.\n"))
    with pytest.raises(SetupError) as caught:
        builder(tmp_path, commands).resolve("/python", tmp_path / "r.txt", tmp_path / "answer")
    assert str(caught.value) == (
        "the requirements could not be resolved: No solution found: no a==9"
    )
    assert commands.log.read_text().startswith("$ ")


def test_who_gave_up_is_not_told_that_his_command_failed(tmp_path):
    (tmp_path / "all").mkdir()

    def gave_up():
        raise KeyboardInterrupt

    commands = Commands(tmp_path / "log", (-9, ""))
    with pytest.raises(KeyboardInterrupt):
        builder(tmp_path, commands, gave_up).make("/p", tmp_path / "lock", tmp_path / "env")


def test_only_what_the_lock_says_is_installed(tmp_path):
    (tmp_path / "all").mkdir()
    commands = Commands(tmp_path / "log")
    builder(tmp_path, commands).make("/python", tmp_path / "lock", tmp_path / "env")
    made, installed = commands.run
    assert made[1:3] == ["venv", "--quiet"]
    assert {"--no-deps", str(tmp_path / "lock")} <= set(installed)


def test_where_there_is_no_uv_pip_brings_it_once(tmp_path, monkeypatch):
    monkeypatch.setattr("launcher.executor.building.found_uv", lambda _: None)
    commands = Commands(tmp_path / "log")

    def run(command, env):
        if command[1:3] == ["-m", "venv"]:
            Path(command[3], "bin").mkdir(parents=True)
        return commands(command, env)

    environments = Environments(tmp_path / "all")
    for _ in range(2):
        sources = ["--index-url http://wheels:8900/simple", "--pre"]
        one = Builder(environments, run, {}, commands.log, lambda: None, sources=sources)
        one.make("/python", tmp_path / "lock", tmp_path / "env")
        one.close()
    python = str(environments.made("uv").folder / "bin" / "python")
    [pip] = [command for command in commands.run if command[:3] == [python, "-m", "pip"]]
    assert Path(pip[-1]).read_text().splitlines() == [
        "--index-url http://wheels:8900/simple",
        "--trusted-host wheels",
        "uv",
    ]
    assert commands.run[-1][0] == str(environments.made("uv").folder / "bin" / "uv")


def test_pip_looks_where_uv_would_and_trusts_plain_http_as_uv_does():
    env = {"PIP_FIND_LINKS": "http://a:1/wheels https://b/wheels"}
    lines = ["-f http://c/x", "--pre", "--no-index", "--index-url https://d/simple"]
    assert list(lines_for_pip(lines, env)) == [
        "-f http://c/x",
        "--no-index",
        "--index-url https://d/simple",
        "--trusted-host c",
        "--trusted-host a",
    ]
    own = {"UV_INDEX": "corp=https://e/simple", "PIP_INDEX_URL": "https://mine"}
    assert pip_from_uv(own) == {"PIP_EXTRA_INDEX_URL": "https://e/simple"}
    assert uv_from_pip({"PIP_INDEX_URL": "https://a", "UV_DEFAULT_INDEX": "https://b"}) == {}


def test_a_node_that_cannot_have_uv_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("launcher.executor.building.found_uv", lambda _: None)
    commands = Commands(tmp_path / "log", (1, "No module named ensurepip\n"))
    one = Builder(Environments(tmp_path / "all"), commands, {}, commands.log, lambda: None)
    with pytest.raises(SetupError, match=r"put uv on the PATH of the nodes, .*: No module named"):
        one.make("/python", tmp_path / "lock", tmp_path / "env")


def test_uv_is_told_pips_index_and_no_other_environment():
    env = {"PIP_INDEX_URL": "https://example.org", "VIRTUAL_ENV": "/x", "UV_CACHE_DIR": "/mine"}
    told = uv_environment(env, cache="/ours")
    assert told["UV_INDEX_URL"] == "https://example.org"
    assert uv_environment({"UV_FIND_LINKS": "/a,/b"}, cache="")["PIP_FIND_LINKS"] == "/a /b"
    assert told["UV_CACHE_DIR"] == "/mine"
    assert "VIRTUAL_ENV" not in told


def test_a_uv_that_is_nowhere_is_not_found(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert found_uv({"PATH": str(tmp_path), "HOME": str(tmp_path)}) is None


def test_long_words_are_cut():
    assert len(last_words("error: " + "x" * 5000)) == 800
