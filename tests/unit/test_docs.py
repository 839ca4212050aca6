"""What the documentation says is there: links, commands, targets, specs, tests, decisions."""

import ast
import functools
import re
import shlex
from pathlib import Path

import pytest

from launcher import __version__
from launcher.cli import _commands
from launcher.spec.load import parse_spec

ROOT = Path(__file__).parents[2]
FOLDERS = [path for path in ROOT.glob("[!.]*") if path.is_dir()]  # not .venv: it is a thousand
READMES = [page for folder in FOLDERS for page in folder.rglob("README.md")]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *READMES})
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


@each_page
def test_links_lead_somewhere(page):
    dead = []
    for target in LINK.findall(without_code(page.read_text())):
        path, _, anchor = target.partition("#")
        if path.startswith(("http://", "https://", "mailto:")):
            continue
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            dead.append(target)
    assert dead == []


@each_page
def test_commands_exist_with_their_options(page):
    unknown = [line for line in commands(page.read_text(), "launcher") if not is_command(line)]
    assert unknown == []


@each_page
def test_make_targets_exist(page):
    lines = commands(page.read_text(), "make")
    words = {word for line in lines for word in line.split()[1:] if re.match(r"[a-z-]+$", word)}
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert words <= targets


@each_page
def test_specs_in_the_text_are_valid(page):
    for language, text in FENCE.findall(page.read_text()):
        if language == "yaml" and re.search(r"^entrypoint:", text, re.MULTILINE):
            parse_spec(text, page.name)


@each_page
def test_tests_that_are_named_exist(page):
    missing = []
    for path, name in TEST.findall(page.read_text()):
        file = ROOT / path
        if not file.exists() or (name and name not in functions(file)):
            missing.append(f"{path}::{name}")
    assert missing == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_complete(page):
    text = page.read_text()
    assert len(text.splitlines()) <= 40
    assert text.startswith(f"# {page.stem[:4]} ")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives"]


def test_decisions_are_numbered_without_gaps_and_listed():
    numbers = [int(page.stem[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
    listed = (ROOT / "docs/architecture.md").read_text()
    assert [page.name for page in DECISIONS if f"decisions/{page.name}" not in listed] == []


def test_the_readme_shows_the_job_that_it_runs():
    shown = [
        text for kind, text in FENCE.findall((ROOT / "README.md").read_text()) if kind == "yaml"
    ]
    assert shown == [(ROOT / "jobs/pytorch-digits/job.yaml").read_text()]


def test_the_changelog_has_this_version():
    assert re.search(
        rf"^## \[{re.escape(__version__)}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def without_code(text):
    return INLINE.sub("", FENCE.sub("", text))


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def commands(text, program):
    """Lines of consoles, and inline code, that call the program."""
    lines = [
        line.removeprefix("$ ")
        for language, block in FENCE.findall(text)
        if language in {"console", "bash", "sh"}
        for line in block.splitlines()
        if language != "console" or line.startswith("$ ")
    ]
    lines += INLINE.findall(FENCE.sub("", text))
    return [line for line in lines if re.match(rf"{program} [a-z-]", line)]


def is_command(line):
    """Whether `launcher COMMAND --options` is as the program has it."""
    words = shlex.split(line.partition(" -- ")[0].partition(" > ")[0], comments=True)[1:]
    if words[0].startswith("-"):
        command = _commands.launcher
    else:
        command = _commands.launcher.get_command(None, words.pop(0))
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if command is None:
        return False
    known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
    used = {word.partition("=")[0] for word in words if word.startswith("-") and len(word) > 1}
    return used <= known | {"--debug", "--version"}


@functools.cache
def functions(file):
    tree = ast.parse(file.read_bytes())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
