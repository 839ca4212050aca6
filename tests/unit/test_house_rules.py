"""The rules of CONTRIBUTING.md that a machine can hold."""

import ast
import functools
import re
from pathlib import Path

import pytest
import yaml

from launcher import clusters, frameworks
from launcher.spec.load import load_spec

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 500
BANNED_NAMES = re.compile(r"(util|common|helper|manager)s?", re.IGNORECASE)
BACKEND_OF_OTHERS = {
    # What a library calls so is called so where the library is spoken to.
    "launcher/train/pytorch.py": {"backend"},  # torch.distributed.init_process_group(backend=…)
    "launcher/store/dialect.py": {"get_backend_name"},  # SQLAlchemy's URL
    "launcher/spec/frameworks.py": {"backend"},  # what Keras calls it: KERAS_BACKEND
    "launcher/train/keras.py": {"backend"},  # keras.backend.backend()
    "launcher/train/_keras_horovod.py": {"backend"},
}
CLASS = re.compile(r"^ *class (\w+)", re.MULTILINE)
MADE_BY_TOOLS = {"__pycache__", "node_modules"}


def files(*patterns):
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return sorted(path for path in found if not MADE_BY_TOOLS & set(path.parts))


def relative(path):
    return path.relative_to(ROOT).as_posix()


SOURCES = files("launcher/**/*.py")
PROGRAMS = [*SOURCES, *files("tests/**/*.py", "jobs/**/*.py", "benchmarks/**/*.py")]
JOBS = files("jobs/*/*.yaml")


def test_there_is_something_to_hold_rules_for():
    assert len(SOURCES) > 100
    assert JOBS


def test_no_file_is_longer_than_500_lines():
    lengths = {relative(path): len(content(path).splitlines()) for path in PROGRAMS}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_file_and_no_class_is_named_for_what_does_not_fit_elsewhere():
    named = {relative(path) for path in PROGRAMS if any(map(banned, words_of(path.stem)))}
    named |= {relative(path) for path in SOURCES if any(map(banned, path.parent.parts))}
    classes = {
        f"{relative(path)}: {name}"
        for path in SOURCES
        for name in CLASS.findall(content(path).decode())
        if any(map(banned, words_of(name)))
    }
    assert named | classes == set()


def test_nothing_of_ours_is_called_backend():
    found = {
        relative(path): {name for name in names_in(path) if "backend" in words_of(name)}
        - BACKEND_OF_OTHERS.get(relative(path), set())
        for path in SOURCES
        if b"backend" in content(path).lower()
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_nothing_is_left_to_do():
    marks = re.compile(rb"\b(TO" rb"DO|FIX" rb"ME)\b")
    texts = [*PROGRAMS, *files("*.md", "docs/**/*.md", "*/README.md", "jobs/**/*.yaml", "*.toml")]
    assert [relative(path) for path in texts if marks.search(content(path))] == []


def test_only_launcher_is_a_package():
    """A package named jobs or cluster would shadow users' own, or be shadowed: decisions/0001."""
    assert files(*(f"{folder}/**/__init__.py" for folder in ("jobs", "cluster", "k8s"))) == []
    assert files("tests/**/__init__.py", "benchmarks/**/__init__.py") == []


@pytest.mark.parametrize("job", JOBS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_job_that_comes_with_the_project_is_valid_and_explained(job):
    spec = load_spec(job)
    assert spec.name
    assert (job.parent / "README.md").read_text().startswith("# ")


def test_every_folder_of_jobs_is_a_job():
    folders = {path.name for path in (ROOT / "jobs").iterdir() if path.is_dir()}
    assert folders - MADE_BY_TOOLS == {job.parent.name for job in JOBS}


@pytest.mark.parametrize("name", frameworks.names())
def test_a_framework_has_a_job_to_try_it_and_a_place_in_the_docs(name):
    assert name in {yaml.safe_load(job.read_text()).get("framework") for job in JOBS}
    for page in ("docs/job-spec.md", "docs/architecture.md"):
        assert f"`{name}`" in (ROOT / page).read_text(), page


@pytest.mark.parametrize("name", clusters.names())
def test_a_kind_of_cluster_has_a_place_in_the_docs(name):
    assert f"`{name}`" in (ROOT / "docs/architecture.md").read_text()


@functools.cache
def content(path):
    return path.read_bytes()


def names_in(path):
    """All names that a file gives or uses."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        for field in ("id", "name", "arg", "attr", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                names.add(value.rpartition(".")[2])
    return names


def banned(word):
    return BANNED_NAMES.fullmatch(word) is not None


def words_of(name):
    """The words of a name in snake_case or CamelCase, in small letters."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word.lower() for word in spaced.split("_") if word]
