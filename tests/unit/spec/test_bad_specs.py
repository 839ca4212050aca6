"""Every mistake in tests/data/bad_specs has the text beside it that its author gets to read."""

import os
from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.spec.judge import key_paths
from launcher.spec.load import parse_spec
from launcher.spec.unbuilt import KEYS_NOT_BUILT

FOLDER = Path(__file__).parents[2] / "data" / "bad_specs"
SPECS = sorted(FOLDER.glob("*.yaml"))
GOLDEN = "".join(file.read_text("utf-8") for file in FOLDER.glob("*.txt"))
SECTIONS = {key.rpartition(".")[0] for key in key_paths()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_a_bad_spec_is_refused_in_the_words_beside_it(spec: Path) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(spec.read_text("utf-8"), spec.name)
    if os.environ.get("GOLDEN") == "write":
        spec.with_suffix(".txt").write_text(f"{caught.value}\n", "utf-8")
    assert f"{caught.value}\n" == spec.with_suffix(".txt").read_text("utf-8")


def test_every_golden_text_has_its_spec() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == {spec.stem for spec in SPECS}
    assert len(SPECS) >= 25


@pytest.mark.parametrize("key", sorted(set(key_paths()) - SECTIONS | {"python", "retries"}))
def test_every_key_has_a_mistake_of_its_own(key: str) -> None:
    assert f": {key}: " in GOLDEN or f": {key}." in GOLDEN


@pytest.mark.parametrize("key", sorted(KEYS_NOT_BUILT))
def test_every_key_that_is_not_built_is_refused_by_name(key: str) -> None:
    assert f": {key}: not in this version" in GOLDEN


@pytest.mark.parametrize("word", ["pydantic", "Input should", "Value error", "type=", "{value}"])
def test_no_text_is_in_the_words_of_a_library(word: str) -> None:
    assert word not in GOLDEN


def test_a_built_key_is_not_in_the_table_of_the_others() -> None:
    assert set(key_paths()).isdisjoint(KEYS_NOT_BUILT)
