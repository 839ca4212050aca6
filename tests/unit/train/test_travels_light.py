"""The facade and launcher/train go into any user's environment: old Python, no packages."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import launcher

PACKAGE = Path(launcher.__file__).parent
ADAPTERS = {
    "_keras_epochs.py",
    "_keras_horovod.py",
    "_keras_jax.py",
    "_keras_state.py",
    "_keras_tensorflow.py",
    "_keras_torch.py",
    "keras.py",
    "pytorch.py",
}
FILES = [PACKAGE / "__init__.py", *sorted((PACKAGE / "train").glob("*.py"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_the_grammar_is_that_of_python_3_8(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    imported = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert "__future__" in imported  # else `int | None` in an annotation fails there


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The package as the agent puts it on a rank's path."""
    (tmp_path / "launcher").mkdir()
    shutil.copy(PACKAGE / "__init__.py", tmp_path / "launcher")
    shutil.copytree(PACKAGE / "train", tmp_path / "launcher" / "train")
    return tmp_path


def run(program: str, folder: Path) -> str:
    bare = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append('.')\n{program}"]
    done = subprocess.run(bare, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_alone_on_the_path_it_needs_the_standard_library_only(shipped: Path) -> None:
    program = """
from launcher import (attempt, checkpoint, local_rank, rank, report, resume_from, should_stop,
                      world_size)
report(loss=1.0)
with checkpoint(1) as folder:
    pass
foreign = {name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names
print(sorted(foreign - {'__main__'}))
"""
    assert run(program, shipped) == "['launcher']"


def test_importing_launcher_imports_nothing_of_it(shipped: Path) -> None:
    program = "import launcher; print([m for m in sys.modules if m.startswith('launcher')])"
    assert run(program, shipped) == "['launcher']"


def test_only_adapters_import_a_library() -> None:
    allowed = sys.stdlib_module_names | {"launcher"}
    for file in FILES:
        if file.name in ADAPTERS:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= allowed, file
            if isinstance(node, ast.ImportFrom):
                assert node.module is not None, file
                assert node.module.partition(".")[0] in allowed, file
                if node.module.startswith("launcher"):
                    assert node.module.startswith("launcher.train"), file


def test_the_facade_gives_what_it_lists() -> None:
    from launcher import train

    assert launcher.__all__ == train.__all__
    for name in launcher.__all__:
        assert getattr(launcher, name) is getattr(train, name)
        assert name in dir(launcher)
    assert "Client" in dir(launcher)


def test_an_unknown_name_of_the_facade_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'launcher' has no attribute 'repotr'"):
        launcher.repotr  # noqa: B018 - the access is the test
