"""Mistakes on the command line, and what people read who make them: tests/data/mistakes/*.txt.

Each file is the terminal of somebody who calls one command wrongly in every way that it allows. A
command or an option without a mistake there fails by its name. `make golden` writes all answers
anew; what differs is then to be read as a tired user would.
"""

import itertools
import os
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from command_line import CommandLines
from players import TOKEN, Agent, Executor, node

from launcher.cli._commands import launcher

FOLDER = Path(__file__).parents[2] / "data" / "mistakes"
WRITE = os.environ.get("GOLDEN") == "write"
NOT_FOR_PEOPLE = re.compile(r"Traceback|a bug in|pydantic|Input should|Error\b|Invalid")
EXIT_CODES = {1, 2, 3, 4, 5, 125}  # 125: of `exec`, whose other codes are the command's
FILES_HERE = {
    "train.py": "print('hello')\n",
    "torn.py": "def main(:\n",
    "job.yaml": "entrypoint: train.py\n",
    "bad.yaml": "entrypoint: train.py\nresources: {wrokers: 2}\nretries: 3\n",
    "torn.yaml": "entrypoint: torn.py\n",
    "lost.yaml": "entrypoint: trian.py\n",
    "empty.yaml": "",
    "blank-token": "\n",
    "folder/notes.txt": "no spec is here\n",
}
BYTES_HERE = {
    "utf16.yaml": "entrypoint: train.py\n".encode("utf-16"),
    "model.yaml": b"PK\x03\x04\x14\x00\x08\x08\xff\xfe\x00",
    "large.yaml": b"# 1 MiB\n" * 2**17 + b"entrypoint: train.py\n",
}


def commands(command=launcher, path="launcher"):
    """Every command by its path, groups among them."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(None):
            yield from commands(command.get_command(None, name), f"{path} {name}")


def needs_command(command):
    return isinstance(command, click.Group) and not command.invoke_without_command


COMMANDS = dict(commands())


def file_of(path):
    """The terminal of a command; those of a group share one."""
    words = path.split()
    return FOLDER / f"{words[1] if len(words) > 1 else 'launcher'}.txt"


FILES = sorted({file_of(path) for path in COMMANDS})


def typed(file):
    """The lines of a terminal that a person typed."""
    found = file.read_text("utf-8").splitlines() if file.exists() else []
    return [line.removeprefix("$ ") for line in found if line.startswith("$ ")]


def called(line):
    """(path of the command, its own words) of a line; None: no command of ours."""
    words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    path, rest = words[0], words[1:]
    while rest and f"{path} {rest[0]}" in COMMANDS:
        path = f"{path} {rest.pop(0)}"
    return path, rest[: rest.index("--")] if "--" in rest else rest


CALLS = [called(line) for file in FILES for line in typed(file)]


@pytest.fixture(scope="module")
def lines(run_server, fresh_state, open_unsynced, routes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    (folder / "folder").mkdir()
    for name, text in FILES_HERE.items():
        (folder / name).write_text(text)
    for name, content in BYTES_HERE.items():
        (folder / name).write_bytes(content)
    state = shutil.copytree(fresh_state, tmp_path_factory.mktemp("server") / "state")
    with run_server(state, open_unsynced(state), routes) as server:
        fill(server)
        yield CommandLines(server.browser, folder, TOKEN)


def fill(server):
    """A job that succeeded, one that runs, one that waits for the cores that it has."""
    executor = Executor(server)
    executor.report(node("n1"), node("n2"))
    with pytest.MonkeyPatch.context() as patch:
        numbers = itertools.count(2)
        patch.setattr("launcher.names.random_part", lambda _=6: f"aaaaa{next(numbers)}")
        for _ in range(2):
            server.new_job()
            server.cycle()
            agent = Agent(server, executor.desired()["allocations"][-1])
            agent.sync(attempt=1, started=1)
            agent.log(b"hello\n")
            agent.points(1, 2, loss=0.5, val_loss=0.7)
            assert agent.commit(2, {"model.pt": b"m"}).status == 200
            if agent.job.endswith("2"):
                agent.end()
        server.new_job(name="wide", resources={"workers": 8})
        server.cycle()


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_is_answered_as_its_golden_terminal_shows_and_leaves_nothing(file, lines):
    before = sorted(lines.folder.rglob("*"))
    told = "".join(
        "\n".join([f"$ {line}", *lines.say(line), "", ""]) for line in typed(file)
    ).removesuffix("\n")
    if WRITE:
        file.write_text(told, "utf-8")
    assert told == file.read_text("utf-8"), "`make golden` writes the answers anew: read them"
    assert sorted(lines.folder.rglob("*")) == before


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_and_argument_of_a_command_has_a_mistake(path):
    command, own = COMMANDS[path], [words for its, words in CALLS if its == path]
    used = {word.partition("=")[0] for words in own for word in words}
    lacking = [
        f"option {max(one.opts, key=len)} of `{path}` has no mistake in {file_of(path).name}"
        for one in command.params
        if isinstance(one, click.Option) and used.isdisjoint([*one.opts, *one.secondary_opts])
    ]
    for one in command.params:
        bare = [words for words in own if not any(word.startswith("-") for word in words)]
        if isinstance(one, click.Argument) and not any(bare):
            lacking.append(f"argument {one.name} of `{path}` has no mistake")
        if isinstance(one, click.Argument) and one.required and [] not in own:
            lacking.append(f"`{path}` without its {one.name} is no line of {file_of(path).name}")
    if not own:
        lacking.append(f"`{path}` has no mistake in {file_of(path).name}")
    assert lacking == [], "write `$ launcher …` lines there, then `make golden`"


def test_every_terminal_is_of_a_command():
    assert {file.name for file in FOLDER.glob("*.txt")} == {file.name for file in FILES} | {
        "keys.txt"
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_answer_is_for_people_and_its_exit_code_tells_it_from_success(file):
    text = file.read_text("utf-8")
    assert not NOT_FOR_PEOPLE.search(text)
    for block in text.split("$ launcher")[1:]:
        told = block.rstrip().splitlines()
        assert int(told[-1].removeprefix("exit ")) in EXIT_CODES, block


@pytest.mark.parametrize("path", [path for path, one in COMMANDS.items() if needs_command(one)])
def test_a_group_without_a_command_shows_its_help(path, lines):
    told = lines.say(path)
    assert told[0].startswith(f"Usage: {path} ")
    assert told[-1] == "exit 2"


@pytest.mark.parametrize("path", [path for path in COMMANDS if " " in path])
def test_a_mistyped_command_is_recognised(path, lines):
    *above, name = path.split()
    line = f"{' '.join(above)} {mistyped(name)}"
    if line in COMMANDS:
        return
    (error, *_) = lines.say(line)
    assert error.endswith((f"did you mean {name}", f"did you mean {path}"))


@pytest.mark.parametrize("path", COMMANDS)
def test_a_mistyped_option_is_recognised(path, lines):
    wrong = []
    for option in COMMANDS[path].params:
        for name in option.opts if isinstance(option, click.Option) else ():
            if name.startswith("--"):
                (error, *_) = lines.say(f"{path} {mistyped(name)}")
                wrong += [error] * (not error.endswith(f"did you mean {name}"))
    assert wrong == []


def mistyped(word):
    """With one letter twice: as long words as short ones are near to that."""
    return f"{word[:-1]}{word[-1]}{word[-1]}"
