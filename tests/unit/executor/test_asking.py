"""Which interpreters are asked before a gang starts, and what is made of their answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.executor.asking import Equipment, fault_of, program_folder, situation_of
from launcher.executor.folders import JobFolder
from launcher.executor.preparing import SetupError
from launcher.frameworks.compatibility import Package, Situation
from launcher.model.launch import Entrypoint, Launch

LAUNCH = Launch("a-1", "a", "tensorflow", Entrypoint("script", ("train.py",)), workers=2)


class FakeRanks:
    """Runs nothing: the command's log gets `answer`."""

    def __init__(self, **packages: str | None) -> None:
        told = {
            name: {"version": version, "module": version is not None}
            for name, version in packages.items()
        }
        self.answer = "@launcher " + json.dumps({"python": "3.11.9", "packages": told})
        self.commands: list[list[str]] = []
        self.envs: list[dict[str, str]] = []

    def run_command(
        self, _attempt: int, argv: list[str], env: dict[str, str], _cwd: Path, log: Path
    ) -> int:
        self.commands.append(argv)
        self.envs.append(env)
        log.write_text(f"sitecustomize says hello\n{self.answer}\n")
        return 0


@pytest.fixture
def equip(folder: JobFolder):
    folder.work.mkdir()

    def make(ranks: FakeRanks, launch: Launch = LAUNCH) -> Equipment:
        return Equipment(launch, folder, ranks, "a-1.1", 4, {"TOKEN": "s"})

    return make


def test_a_framework_that_is_missing_is_told_with_rank_node_and_interpreter(equip):
    ranks = FakeRanks(tensorflow=None)
    with pytest.raises(SetupError, match=r"^rank 4 on node \S+: framework tensorflow needs ten"):
        equip(ranks).check(1, "/opt/python")


def test_what_asks_has_the_environment_of_a_rank_and_its_flags(equip, folder):
    ranks = FakeRanks(tensorflow="2.21.0")
    program = Entrypoint("script", ("src/train.py",), ("-u", "-s"))
    launch = replace(LAUNCH, entrypoint=program, env={"PYTHONPATH": "lib", "A": "1"})
    equip(ranks, launch).check(1, "/opt/python")
    [command], [env] = ranks.commands, ranks.envs
    assert command[:3] == ["/opt/python", "-u", "-s"]
    assert command[4] == str(folder.work / "src")
    assert (env["A"], env["TOKEN"], env["LAUNCHER_ALLOCATION"]) == ("1", "s", "a-1.1")
    assert env["PYTHONPATH"].split(":")[0] == "lib"


def test_a_good_answer_is_remembered_and_a_bad_one_asked_for_again(equip):
    ranks = FakeRanks(tensorflow=None)
    equipment = equip(ranks)
    for attempt in (1, 2):
        with pytest.raises(SetupError):
            equipment.check(attempt, "/opt/python")
    ranks.answer = FakeRanks(tensorflow="2.21.0").answer
    for attempt in (3, 4):
        equipment.check(attempt, "/opt/python")
    assert len(ranks.commands) == 3
    equipment.check(5, "/other/python")
    assert len(ranks.commands) == 4


def test_an_interpreter_that_does_not_answer_is_left_to_its_ranks(equip):
    ranks = FakeRanks()
    ranks.answer = "error while loading shared libraries"
    equip(ranks).check(1, "/opt/python")


def test_a_program_that_needs_nothing_costs_nothing(equip):
    ranks = FakeRanks()
    equip(ranks, replace(LAUNCH, framework="command")).check(1, "/opt/python")
    equip(ranks, replace(LAUNCH, framework="pytorch")).check(1, "/opt/python")
    assert ranks.commands == []


@pytest.mark.parametrize(
    ("text", "demanded"),
    [
        ("import torch\n", True),
        ("import os, torch\n", True),
        ("from torch import nn\n", True),
        ("import torch.nn as nn\n", True),
        ("import numpy as np\r\nimport torch\r\n", True),
        ("try:\n    import torch\nexcept ImportError: pass\n", False),
        ("import torchvision_free\n", False),
        ("# import torch\n", False),
        ("from torchlike import x\n", False),
        ("", False),
    ],
)
def test_torch_is_demanded_where_nothing_catches_its_absence(
    tmp_path: Path, text: str, demanded: bool
) -> None:
    launch = replace(LAUNCH, framework="pytorch")
    (tmp_path / "train.py").write_text(text, newline="")
    assert bool(situation_of(launch, tmp_path).traits) == demanded
    package = replace(launch, entrypoint=Entrypoint("module", ("pkg.run",)))
    (tmp_path / "pkg" / "run").mkdir(parents=True)
    (tmp_path / "pkg" / "run" / "__main__.py").write_text(text, newline="")
    assert bool(situation_of(package, tmp_path).traits) == demanded


def test_a_module_is_found_from_the_jobs_folder_and_a_script_from_its_own(tmp_path: Path) -> None:
    script = replace(LAUNCH, entrypoint=Entrypoint("script", ("a/train.py",)))
    module = replace(LAUNCH, entrypoint=Entrypoint("module", ("a.train",)))
    assert program_folder(script, tmp_path) == tmp_path / "a"
    assert program_folder(module, tmp_path) == tmp_path


def test_what_the_table_refuses_names_the_interpreter_too() -> None:
    packages = {"tensorflow": Package("2.17.1"), "numpy": Package("2.4.6")}
    fault = fault_of(Situation("tensorflow", "mirrored", packages=packages), "/opt/python")
    assert fault.startswith("TensorFlow before 2.18 was built for NumPy 1")
    assert fault.endswith("(/opt/python)")
