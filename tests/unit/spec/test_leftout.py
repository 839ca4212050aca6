"""What was not packaged is told by rule, with how much it is, the heaviest first."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.spec import leftout
from launcher.spec.leftout import weigh
from launcher.spec.packaging import preview


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    files = {
        ".gitignore": "*.pt\n/data/\n",
        "a.pt": "x" * 10,
        "sub/b.pt": "x" * 20,
        "data/one": "x" * 500,
        "data/deep/two": "x" * 500,
        ".venv/bin/python": "x" * 100,
        "train.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_rules_are_weighed_and_the_heaviest_comes_first(workdir: Path) -> None:
    rules = weigh(workdir, preview(workdir).left_out)
    assert [(rule.reason, rule.paths, rule.files, rule.size) for rule in rules] == [
        (".gitignore: /data/", ["data/"], 2, 1000),
        ("virtual environment", [".venv/"], 1, 100),
        (".gitignore: *.pt", ["a.pt", "sub/b.pt"], 2, 30),
    ]
    assert not any(rule.is_at_least for rule in rules)


def test_a_link_is_weighed_itself_not_what_it_leads_to(workdir: Path, tmp_path: Path) -> None:
    (workdir / "far").symlink_to("/usr")
    (rule,) = weigh(workdir, [("far", "a link")])
    assert (rule.files, rule.size) == (1, 4)


def test_what_vanished_meanwhile_weighs_nothing(workdir: Path) -> None:
    (rule,) = weigh(workdir, [("gone", "r")])
    assert rule.size == 0


def test_folders_of_millions_are_not_counted_to_their_end(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftout, "MOST_LOOKED_AT", 2)
    for number in range(5):
        (workdir / "data" / f"f{number}").write_text("x")
    first, second = weigh(workdir, [("data/", "data"), (".venv/", "venv")])
    told = {rule.reason: (rule.files, rule.is_at_least) for rule in (first, second)}
    assert told == {"data": (2, True), "venv": (0, True)}
