"""The table of what goes together: whole, without contradictions, and read aright."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from launcher.frameworks import _versions, compatibility, names
from launcher.frameworks.compatibility import Package, Row, Situation, Table, lack, problems
from launcher.spec import compatibility_page

PAGE = Path(__file__).parents[3] / "docs" / "compatibility.md"
STRATEGIES = {
    "tensorflow": ("mirrored", "multi_worker_mirrored"),
    "keras": ("tensorflow", "torch", "jax"),
}
TABLE = compatibility.table()
ROWS = [
    pytest.param(row, id=f"{row.framework}-{row.strategy}-{row.what[:30]}") for row in TABLE.rows
]


def strategies(framework: str) -> tuple[str, ...]:
    return STRATEGIES.get(framework, ("",))


def of(row: Row) -> Situation:
    """A job of which this row speaks, and of which as little else is known as can be."""
    versions = {
        name: Package(row.checked.get(name, bound.split(",")[0].lstrip("<>=")))
        for name, bound in row.packages.items()
    }
    strategy = row.strategy or strategies(row.framework)[0]
    return Situation(row.framework, strategy, row.workers, frozenset(row.traits), versions)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_speaks_of_a_job_that_can_be(row: Row) -> None:
    assert row.framework in {*names(), *STRATEGIES}
    assert row.strategy in {"", *strategies(row.framework)}
    assert row.holds(of(row))


@pytest.mark.parametrize("row", ROWS)
def test_what_is_no_works_names_a_way_out_and_what_works_needs_none(row: Row) -> None:
    assert bool(row.ways_out) == (row.verdict != "works")
    texts = [row.what, *row.ways_out]
    assert not any(text.endswith(".") or text[0].isspace() for text in texts)
    assert not row.ways_out or all(text in row.words for text in texts)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_was_seen_with_versions_that_it_is_about(row: Row) -> None:
    assert bool(row.checked) == (row.framework != "command")
    for name, version in row.checked.items():
        assert name in TABLE.known
        assert _versions.key(version) is not None
        assert _versions.meets(version, row.packages.get(name, ""))


def test_no_two_rows_contradict_each_other() -> None:
    for one, other in itertools.combinations(TABLE.rows, 2):
        alike = all(
            getattr(one, part) == getattr(other, part)
            for part in ("framework", "strategy", "workers", "packages", "traits", "without")
        )
        assert not alike or one.verdict == other.verdict, (one.what, other.what)


def test_what_works_is_not_refused_as_long_as_nothing_else_is_known() -> None:
    for row in TABLE.rows:
        if row.verdict == "works":
            assert [found.what for found in problems(of(row))] == []


def test_conditions_can_be_read_and_packages_be_found() -> None:
    for entry in (*TABLE.needs, *TABLE.rows):
        for name, condition in entry.packages.items():
            assert {"module", "distributions"} == set(TABLE.known[name])
            list(_versions.clauses(condition))


def test_every_framework_is_in_the_table() -> None:
    for framework in names():
        for strategy in strategies(framework):
            found = [row for row in TABLE.rows if row.holds(Situation(framework, strategy))]
            assert [row for row in found if row.verdict == "works"], (framework, strategy)


FIT = frozenset({"MultiWorkerMirroredStrategy", "Keras fit"})


@pytest.mark.parametrize(
    ("situation", "verdicts"),
    [
        (Situation("tensorflow", "multi_worker_mirrored", 2, FIT), ["refused"]),
        (Situation("tensorflow", "multi_worker_mirrored", 1, FIT), []),
        (Situation("tensorflow", "multi_worker_mirrored", 2, FIT | {"legacy Keras"}), []),
        (
            Situation("tensorflow", "multi_worker_mirrored", 2, FIT, {"keras": Package("2.15.0")}),
            [],
        ),
        (Situation("tensorflow", "multi_worker_mirrored", 2), []),
        (Situation("tensorflow", "mirrored", 2, FIT), ["warned"]),
        (Situation("tensorflow", "mirrored", 2, FIT | {"MirroredStrategy"}), []),
        (Situation("horovod", "", 2, frozenset({"Horovod's Keras optimizer"})), ["warned"]),
        (
            Situation(
                "tensorflow",
                "mirrored",
                packages={"tensorflow": Package("2.17.1"), "numpy": Package("2.4.6")},
            ),
            ["refused"],
        ),
        (
            Situation(
                "tensorflow",
                "mirrored",
                packages={"tensorflow": Package("2.17.1"), "numpy": Package("1.26.4")},
            ),
            [],
        ),
    ],
)
def test_a_job_is_judged_by_all_that_is_known_of_it(
    situation: Situation, verdicts: list[str]
) -> None:
    assert [row.verdict for row in problems(situation)] == verdicts


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (
            Situation("tensorflow", "mirrored", packages={"tensorflow": Package("", module=False)}),
            "framework tensorflow needs tensorflow>=2.16; found none in /python; add",
        ),
        (
            Situation("tensorflow", "mirrored", packages={"tensorflow": Package("2.13.0")}),
            "framework tensorflow needs tensorflow>=2.16; found 2.13.0 in /python; ",
        ),
        (
            Situation("tensorflow", packages={"tensorflow": Package("2.21.0", module=False)}),
            "found the record of 2.21.0, but no module in /python",
        ),
        (
            Situation(
                "keras",
                "torch",
                packages={"keras": Package("2.15.0"), "torch": Package("", module=False)},
            ),
            "on torch needs keras>=3.5 and torch>=2.1; found 2.15.0 of keras and none of torch",
        ),
        (
            Situation("horovod", packages={"horovod": Package("", module=False)}),
            "needs horovod>=0.28; found none in /python; launcher doctor --install horovod",
        ),
    ],
)
def test_a_lack_is_told_with_what_was_found_where_and_what_to_do(
    situation: Situation, words: str
) -> None:
    assert words in lack(situation, "/python")


@pytest.mark.parametrize(
    "situation",
    [
        Situation("tensorflow", "mirrored", packages={"tensorflow": Package("2.16.0")}),
        Situation("tensorflow", "mirrored", packages={"tensorflow": Package("")}),
        Situation("tensorflow", "mirrored"),
        Situation("pytorch", packages={"torch": Package("", module=False)}),
        Situation("command", packages={"torch": Package("", module=False)}),
    ],
)
def test_what_is_there_or_unknown_or_not_needed_is_not_missed(situation: Situation) -> None:
    assert lack(situation, "/python") == ""


def test_legacy_keras_needs_its_package() -> None:
    traits = compatibility.environment_traits({"TF_USE_LEGACY_KERAS": "1"})
    packages = {"tensorflow": Package("2.21.0"), "tf_keras": Package("", module=False)}
    job = Situation("tensorflow", "mirrored", traits=traits, packages=packages)
    assert "framework tensorflow needs tf_keras; found none in" in lack(job, "/python")
    assert not compatibility.environment_traits({"TF_USE_LEGACY_KERAS": "0"})


def test_an_interpreter_is_asked_for_what_the_table_judges_and_for_no_more() -> None:
    asked = compatibility.question(Situation("keras", "torch"), "/work")
    assert set(json.loads(asked[2])) == {"keras", "torch"}
    assert compatibility.question(Situation("command"), "/work") == []
    assert compatibility.question(Situation("pytorch"), "/work") == []
    torch = Situation("pytorch", traits=frozenset({compatibility.IMPORTS_TORCH}))
    assert compatibility.question(torch, "/work")[1] == "/work"


def test_the_page_shows_the_table_as_it_is() -> None:
    assert PAGE.read_text("utf-8") == compatibility_page.render(), "run: make docs"


def test_the_table_is_data_of_known_keys() -> None:
    assert isinstance(TABLE, Table)
    data = json.loads(Path(compatibility.__file__).with_name("compatibility.json").read_text())
    rows = {"framework", "strategy", "workers", "packages", "with", "without", "verdict", "key"}
    rows |= {"what", "ways_out", "checked"}
    assert set().union(*data["rows"]) <= rows
    assert set().union(*data["needs"]) <= {"framework", "strategy", "with", "packages", "way_out"}
