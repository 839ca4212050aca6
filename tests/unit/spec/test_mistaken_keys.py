"""Every key of the spec with every wrong kind of value: tests/data/mistakes/keys.txt.

A new key is not in that file: `make golden` puts it there, and its author reads what others will.
"""

import os
import re
from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.spec.judge import key_paths
from launcher.spec.load import parse_spec

GOLDEN = Path(__file__).parents[2] / "data" / "mistakes" / "keys.txt"
WRITE = os.environ.get("GOLDEN") == "write"
KEYS = sorted(set(key_paths()))
VALUES = ("", "true", "-0.5", "Some Text!", "[1, [2]]", "{a: {b: 1}}")
UNITS = {
    "is not a duration": ("-1", "1,5h", "30 min", "12:30:00"),
    "is not a size": ("16", "8 gb."),
}
"""Further mistakes, by what is answered to a text that is no number with a unit."""
TAKEN = "taken"


def written(key, value):
    """(spec, line of the value) of a spec with that one key beside the needed ones."""
    *sections, leaf = key.split(".")
    text = "" if key.startswith("entrypoint") else "entrypoint: train.py\n"
    for depth, section in enumerate(sections):
        text += f"{'  ' * depth}{section}:\n"
    line = f"{'  ' * len(sections)}{leaf}: {value}"
    return f"{text}{line}\n", text.count("\n") + 1


def answer(key, value):
    """What the author of that line reads, without the place and the key itself."""
    text, line = written(key, value)
    try:
        parse_spec(text, "job.yaml")
    except SpecError as error:
        told = []
        for complaint in str(error).splitlines():
            found = re.match(r"job\.yaml:(\d+):(\d+): ", complaint)
            assert found, f"{key}: {value}: names no place: {complaint}"
            said = complaint[found.end() :]
            if said.startswith(f"{key}: "):
                assert int(found[1]) in {line, line - 1}
                said = said.removeprefix(f"{key}: ")
            told.append(said)
        return told
    return [TAKEN]


def table(key):
    """All answers about a key, a line each."""
    answers = {value: answer(key, value) for value in VALUES}
    for words, more in UNITS.items():
        if words in answers["Some Text!"][0]:
            answers |= {value: answer(key, value) for value in more}
    lines = [key]
    for value, told in answers.items():
        shown = value or "(nothing)"
        for words in told:
            lines.append(f"  {shown.ljust(14)}{words}")
            shown = ""
    return "\n".join(lines)


def golden():
    found = GOLDEN.read_text("utf-8").split("\n\n") if GOLDEN.exists() else []
    return {block.split("\n", 1)[0]: block.rstrip("\n") for block in found}


@pytest.fixture(scope="module", autouse=WRITE)
def rewritten():
    GOLDEN.write_text("\n\n".join(map(table, KEYS)) + "\n", "utf-8")


@pytest.mark.parametrize("key", KEYS)
def test_wrong_values_of_a_key_are_answered_as_the_golden_table_shows(key):
    known = golden()
    assert key in known, f"key {key} has no mistakes in {GOLDEN.name}: run `make golden`, read them"
    assert table(key) == known[key]


def test_the_golden_table_has_no_other_keys():
    assert sorted(golden()) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_a_mistyped_key_is_recognised(key):
    with pytest.raises(SpecError) as caught:
        parse_spec(written(f"{key}{key[-1]}", "1")[0], "job.yaml")
    assert f"unknown key; did you mean {key}" in str(caught.value)


def test_no_answer_is_in_the_words_of_a_library():
    text = GOLDEN.read_text("utf-8")
    assert not re.search(r"pydantic|Input should|Value error|type=|\{value\}|None\b|Error", text)
