"""Versions are ordered as PEP 440 orders those of frameworks' wheels."""

from __future__ import annotations

import pytest

from launcher.frameworks._versions import clauses, key, meets

ORDER = [
    "2.15.1", "2.16.0.dev20240101", "2.16.0a1", "2.16.0b2", "2.16.0rc0", "2.16.0rc1.dev3",
    "2.16.0rc1", "2.16", "2.16.0.post1", "2.16.1", "2.17", "3", "10.0",
]  # fmt: skip


def test_releases_and_what_comes_before_and_after_them_are_in_order() -> None:
    packaging = pytest.importorskip("packaging.version")
    keys = [key(version) for version in ORDER]
    assert None not in keys
    assert keys == sorted(keys)  # type: ignore[type-var] # none is None
    assert sorted(ORDER, key=packaging.Version) == ORDER


@pytest.mark.parametrize(
    ("one", "other"),
    [("2.16", "2.16.0"), ("2.13.0+cpu", "2.13"), ("v1.0", "1"), ("2.16.0-rc.1", "2.16rc1")],
)
def test_spellings_of_one_version_are_equal(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("version", "condition", "answer"),
    [
        ("2.16.0", ">=2.16", True),
        ("2.16.0rc1", ">=2.16", False),
        ("2.4.0a0+git7c", "<2.4", True),
        ("2.9.1", ">=2.16", False),
        ("3.15.1", ">=3,<4", True),
        ("3.15.1", ">3.15.1", False),
        ("3.15.1", "<=3.15.1", True),
        ("2.0", "==2", True),
        ("2.0", "!=2", False),
        ("2.0", "", True),
        ("somebody's build", ">=2", True),
        ("somebody's build", "<2", False),
        ("", ">=99", True),
    ],
)
def test_a_version_meets_a_condition_or_not(version: str, condition: str, answer: bool) -> None:
    assert meets(version, condition) == answer


@pytest.mark.parametrize("wrong", ["2.16", "~=2", ">= two", "=2"])
def test_a_condition_that_cannot_be_read_is_no_condition(wrong: str) -> None:
    with pytest.raises(ValueError, match="write it as >="):
        list(clauses(wrong))
