"""The Dockerfiles, and the lines in docs/kubernetes.md for images of users' own."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from launcher.cli import _commands

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "k8s").glob("*Dockerfile"))
PROJECT = (ROOT / "pyproject.toml").read_text()
SECTION = PROJECT.partition("[project.optional-dependencies]")[2].partition("[project.scripts]")[0]
EXTRAS = set(re.findall(r"^([a-z-]+) = \[", SECTION, re.MULTILINE))
each_file = pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)


def instructions(text: str) -> list[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    return [
        (each["instruction"], each["value"])
        for each in parser.structure
        if each["instruction"] != "COMMENT"
    ]


def of(text: str, instruction: str) -> list[str]:
    return [value for name, value in instructions(text) if name == instruction]


def users_own() -> str:
    page = (ROOT / "docs/kubernetes.md").read_text()
    [text] = re.findall(r"^```dockerfile\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(text)


def test_there_is_one_for_the_server_and_one_for_ray() -> None:
    assert [path.name for path in FILES] == ["Dockerfile", "ray.Dockerfile"]


@each_file
def test_what_is_copied_is_there_and_reaches_docker(file: Path) -> None:
    allowed = (file.parent / f"{file.name}.dockerignore").read_text().splitlines()
    assert allowed[0] == "*", "the context is the repository with all that lies in it"
    for line in of(file.read_text(), "COPY"):
        *sources, _ = [word for word in line.split() if not word.startswith("--")]
        if "--from=" in line:
            continue
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in allowed, source


@each_file
def test_what_the_build_needs_of_the_project_is_copied(file: Path) -> None:
    copied = " ".join(of(file.read_text(), "COPY"))
    named = re.findall(
        r'^(?:readme = "|license-files = \["|path = ")([\w.]+)', PROJECT, re.MULTILINE
    )
    assert {"README.md", "LICENSE", "launcher"} <= {*named}
    for source in (*named, "pyproject.toml"):
        assert source in copied


@each_file
def test_the_last_user_is_not_root(file: Path) -> None:
    assert of(file.read_text(), "USER")[-1].partition(":")[0] == "1000"


@each_file
def test_images_are_named_by_their_version(file: Path) -> None:
    text = file.read_text()
    named = [value.partition("=")[2] for value in of(text, "ARG") if ":" in value]
    named += [v.split()[0] for v in of(text, "FROM") if not v.startswith("$")]
    assert named
    for image in named:
        assert re.fullmatch(r"[a-z/]+:\d[\w.-]*", image), image


@pytest.mark.parametrize("text", [path.read_text() for path in FILES], ids=lambda _: "file")
def test_the_extras_that_are_installed_are_there(text: str) -> None:
    lists = re.findall(r"/src\[([\w,-]+)\]|EXTRAS=([\w,-]+)", text)
    named = {extra for pair in lists for extra in ",".join(pair).split(",") if extra}
    assert named
    assert named <= EXTRAS


def test_the_command_of_the_servers_image_is_the_programs_own() -> None:
    [line] = of((ROOT / "k8s/Dockerfile").read_text(), "CMD")
    _, name, *arguments = yaml.safe_load(line)
    command = _commands.launcher.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= known


def test_rays_version_is_the_same_wherever_it_is_said() -> None:
    pinned = re.search(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned
    values = yaml.safe_load((ROOT / "k8s/chart/values.yaml").read_text())
    [image] = [v for v in of((ROOT / "k8s/ray.Dockerfile").read_text(), "ARG") if v[:4] == "RAY="]
    assert image.startswith(f"RAY=rayproject/ray:{pinned[1]}-")
    assert values["head"]["rayVersion"] == pinned[1]
    assert values["image"]["tag"] == pinned[1]
    assert f"ray[default]=={pinned[1]}" in users_own()


def test_a_users_own_image_takes_six_lines() -> None:
    found = instructions(users_own())
    assert len(users_own().splitlines()) == len(found) == 6
    names = [name for name, _ in found]
    assert names == ["FROM", "USER", "COPY", "RUN", "RUN", "USER"]
    assert found[-1][1] == "1000"
    wheels = re.search(r"--from=\S+ (\S+)", of(users_own(), "COPY")[0])
    assert wheels
    assert f"--wheel-dir {wheels[1]} " in (ROOT / "k8s/ray.Dockerfile").read_text()
