from pathlib import Path
from typing import Any

import jsonschema  # comes with ray
import pytest
import yaml

from launcher.spec.judge import key_paths
from launcher.spec.reference import render
from launcher.spec.schema import json_schema
from launcher.spec.unbuilt import KEYS_NOT_BUILT

ROOT = Path(__file__).parents[3]
BAD = ROOT / "tests" / "data" / "bad_specs"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


@pytest.fixture(scope="module")
def reference() -> str:
    return render()


def test_the_reference_page_is_current(reference: str) -> None:
    page = (ROOT / "docs" / "job-spec.md").read_text("utf-8")
    assert page == reference, "run: python -m launcher.spec.reference > docs/job-spec.md"


@pytest.mark.parametrize("key", list(key_paths()))
def test_every_key_stands_in_the_reference_with_its_meaning(reference: str, key: str) -> None:
    (row,) = [line for line in reference.splitlines() if line.startswith(f"| `{key}` |")]
    assert len(row.split(" | ")[-1].removesuffix(" |")) > 10


@pytest.mark.parametrize(
    "spec",
    [
        {"entrypoint": "train.py"},
        {"entrypoint": ["train.py", 5], "env": {"A": 1, "B": "x"}},
        {"entrypoint": "a.py", "timeouts": {"run": "1h30m", "grace": 10, "start": "10 m"}},
        {"entrypoint": "a.py", "resources": {"memory_per_worker": "8GiB", "gpus_per_worker": 0}},
        {"entrypoint": "a.py", "resources": {"memory_per_worker": "2gb"}, "priority": 100},
    ],
)
def test_the_schema_accepts_good_specs(
    validator: jsonschema.Draft202012Validator, spec: dict[str, Any]
) -> None:
    validator.validate(spec)


@pytest.mark.parametrize(
    "name",
    ["not_built", "unknown_keys", "workers", "workers_elastic", "gpus_fraction", "memory_unit",
     "placement", "retries", "stop_signal", "project", "priority_range", "version", "name",
     "framework_unknown", "entrypoint_missing", "env_values", "keep_last"],
)  # fmt: skip
def test_the_schema_refuses_bad_specs(
    validator: jsonschema.Draft202012Validator, name: str
) -> None:
    data = yaml.safe_load((BAD / f"{name}.yaml").read_text())
    assert not validator.is_valid(data)


def test_keys_that_are_not_built_are_absent_from_the_schema() -> None:
    text = str(json_schema())
    assert not [key for key in KEYS_NOT_BUILT if f"'{key.rpartition('.')[2]}':" in text]


def test_every_part_of_the_schema_explains_itself() -> None:
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert all("description" in node for node in part["properties"].values())
