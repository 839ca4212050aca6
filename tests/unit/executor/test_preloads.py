"""What of a program may be imported before it runs, and what forbids it."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.executor.preloads import Preload, preload_of, wanted
from launcher.model.launch import Entrypoint, Launch

TORCH = ("torch", "torch.distributed", "torch.nn.parallel", "torch._dynamo")


def launch(
    kind: str = "script", *argv: str, flags: tuple[str, ...] = (), warm: bool = True
) -> Launch:
    program = Entrypoint(kind, argv or ("train.py",), flags)  # type: ignore[arg-type]
    return Launch("job", "name", "pytorch", program, 2, warm_start=warm)


def judged(
    folder: Path, *argv: str, kind: str = "script", files: dict[str, str] | None = None, **more: str
) -> Preload:
    """`files`, `more`: texts by their names without .py."""
    for name, text in {**(files or {}), **more}.items():
        file = folder / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return preload_of(launch(kind, *argv), folder)


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import torch", TORCH),
        ("import torch.nn as nn", (*TORCH, "torch.nn")),
        ("from torch import nn", TORCH),
        ("import os, sys\nimport numpy as np\nimport torch", ("numpy", *TORCH)),
        ("import tqdm, yaml\nimport torch", TORCH),
        ("import torch\nimport wandb\nimport numpy", TORCH),
        (
            "from sklearn.datasets import load_digits\nimport jax",
            ("sklearn", "sklearn.datasets", "jax", "jax.numpy"),
        ),
        ("import tensorflow as tf\nimport keras", ("tensorflow", "keras")),
        ("import torch\ndef f():\n    import tensorflow", TORCH),
        ("import torch\ntry:\n    import tensorflow\nexcept ImportError:\n    pass", TORCH),
        ("import torch\nif __name__ == '__main__':\n    import wandb", TORCH),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import odd\nimport torch",
            TORCH,
        ),
        ("import os\nos.environ['MASTER_ADDR'] = 'x'\nimport torch", TORCH),
        ("import os\nos.environ.setdefault('WANDB_MODE', 'offline')\nimport torch", TORCH),
        ("import os\nos.environ.update(A='1', **{})\nimport torch", ()),
        ("import os\nos.environ.update(A='1')\nos.environ.update({'B': '2'})\nimport torch", TORCH),
        ("import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'\nimport torch", TORCH),
        ("import sys\nsys.path.append('..')\nsys.path += ['x']\nimport torch", TORCH),
        ("import sys\nprint(sys.path[0], sys.modules['os'])\nimport torch", TORCH),
    ],
)
def test_what_a_program_imports_first_is_preloaded(
    tmp_path: Path, source: str, modules: tuple[str, ...]
) -> None:
    assert judged(tmp_path, train=source).modules == modules


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("print(1)", "nothing at its top that takes long"),
        ("import numpy", "nothing at its top that takes long"),
        ("import accelerate\nimport torch", "nothing at its top that takes long"),
        ("def main():\n    import torch", "nothing at its top that takes long"),
        ("try:\n    import odd\nfinally:\n    import torch", "nothing at its top that takes long"),
        (
            "import os\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\nimport tensorflow",
            "sets os.environ",
        ),
        (
            "import os\nimport torch\ndef f():\n    os.environ['OMP_NUM_THREADS'] = '1'",
            "sets os.env",
        ),
        ("from os import environ\nenviron['KERAS_BACKEND'] = 'jax'\nimport keras", "sets environ"),
        ("import os\nos.environ.setdefault('XLA_FLAGS', 'x')\nimport jax", "os.environ.setdefault"),
        ("import os\nfor k in x:\n    os.environ[k] = '1'\nimport torch", "sets os.environ[k]"),
        ("import os\nos.environ |= {'A': 'b'}\nimport torch", "sets os.environ"),
        ("import os\nos.environ.update(read())\nimport torch", "os.environ.update"),
        ("import os\ndel os.environ['LD_LIBRARY_PATH']\nimport torch", "sets os.environ"),
        ("import os\nos.putenv('JAX_PLATFORMS', 'cpu')\nimport jax", "os.putenv"),
        ("import os\nos.environ.clear()\nimport jax", "os.environ.clear"),
        ("from dotenv import load_dotenv\nimport torch", "reads variables from a file"),
        ("import sys\nsys.path.insert(0, 'lib')\nimport torch", "where python looks for modules"),
        ("import sys\nsys.path[0:0] = ['lib']\nimport torch", "where python looks for modules"),
        ("import sys\nsys.path = ['lib'] + sys.path\nimport torch", "where python looks for mod"),
        ("import sys\nsys.modules['torch'] = None\nimport torch", "changes sys.modules"),
        ("import sys\nsys.meta_path.insert(0, x)\nimport torch", "changes sys.meta_path"),
        ("import sys\nsys.setdlopenflags(1)\nimport torch", "calls setdlopenflags"),
        ("import torch\nthis is no python", "cannot be read"),
    ],
)
def test_what_a_program_does_forbids_it(tmp_path: Path, source: str, words: str) -> None:
    found = judged(tmp_path, train=source)
    assert found.modules == ()
    assert words in found.reason


def test_imports_are_followed_into_the_programs_own_files_in_their_order(tmp_path: Path) -> None:
    files = {
        "train": "from own import data\nimport own.model\nimport keras",
        "own/__init__": "import numpy",
        "own/data": "from . import reading\nfrom .deep import more",
        "own/reading": "import scipy",
        "own/deep/__init__": "",
        "own/deep/more": "import pandas",
        "own/model": "import torch",
    }
    assert judged(tmp_path, files=files).modules == ("numpy", "scipy", "pandas", *TORCH, "keras")


def test_an_unknown_package_in_an_own_file_ends_what_is_known(tmp_path: Path) -> None:
    found = judged(tmp_path, train="import torch\nimport own\nimport keras", own="import odd")
    assert found.modules == TORCH


def test_what_own_files_do_counts_wherever_they_are_imported(tmp_path: Path) -> None:
    own = "import os\nos.environ['OMP_NUM_THREADS'] = '4'"
    found = judged(tmp_path, train="import torch\ndef f():\n    from own import x", own=own)
    assert found.reason == "own.py sets os.environ['OMP_NUM_THREADS']"


def test_a_file_that_is_not_imported_does_not_count(tmp_path: Path) -> None:
    own = "import os\nos.environ['OMP_NUM_THREADS'] = '4'"
    assert judged(tmp_path, train="import torch", own=own).modules == TORCH


def test_an_own_file_of_a_packages_name_is_the_programs(tmp_path: Path) -> None:
    found = judged(tmp_path, train="import torch\nimport keras", torch="print('mine')")
    assert found.modules == ("keras",)


def test_files_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    files = {"train": "import a\nimport torch", "a": "import b", "b": "import a, train"}
    assert judged(tmp_path, files=files).modules == TORCH


def test_a_program_of_very_many_files_starts_cold(tmp_path: Path) -> None:
    files = {f"part{i}": "" for i in range(301)}
    text = "".join(f"import part{i}\n" for i in range(301)) + "import torch"
    assert "very many files" in judged(tmp_path, train=text, files=files).reason


def test_a_module_is_read_where_python_finds_it(tmp_path: Path) -> None:
    files = {"own/train": "import torch", "own/__init__": "import numpy"}
    assert judged(tmp_path, "own.train", kind="module", files=files).modules == TORCH
    assert "no module of the job's folder" in judged(tmp_path, "odd", kind="module").reason
    (tmp_path / "own" / "__main__.py").write_text("import keras")
    assert judged(tmp_path, "own", kind="module").modules == ("keras",)


def test_a_script_finds_modules_beside_it(tmp_path: Path) -> None:
    files = {"src/train": "import beside", "src/beside": "import torch", "beside": ""}
    assert judged(tmp_path, "src/train.py", files=files).modules == TORCH


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (launch("shell", "python train.py"), "a shell entrypoint"),
        (launch("exec", "./train"), "a exec entrypoint"),
        (launch(flags=("-O",)), "flags: -O"),
        (launch(warm=False), "python.warm_start is false"),
        (launch("script", "gone.py"), "cannot be read"),
    ],
)
def test_other_ways_to_start_are_cold(tmp_path: Path, job: Launch, words: str) -> None:
    (tmp_path / "train.py").write_text("import torch")
    assert words in preload_of(job, tmp_path).reason


# --- variables ------------------------------------------------------------------------------------

SOME = Preload(("torch",))
ENV = {"PATH": "/bin", "RANK": "0", "OMP_NUM_THREADS": "1", "HF_TOKEN": "s", "LR": "3"}


def test_an_interpreter_has_the_variables_that_imports_read_and_no_others() -> None:
    found = wanted(SOME, "python", ENV, ["HF_TOKEN"])
    assert found is not None
    assert found.env == {"PATH": "/bin", "OMP_NUM_THREADS": "1"}


def test_ranks_and_jobs_share_one_as_long_as_what_imports_read_is_the_same() -> None:
    def key(python: str = "python", preload: Preload = SOME, **env: str) -> str:
        found = wanted(preload, python, ENV | env, [])
        assert found is not None
        return found.key

    same = {key(), key(RANK="1"), key(LR="4"), key(CUDA_VISIBLE_DEVICES="3"), key(TF_CONFIG="{}")}
    assert len(same) == 1
    others = [
        *(key(OMP_NUM_THREADS="2"), key(CUDA_LAUNCH_BLOCKING="1"), key(KERAS_BACKEND="jax")),
        *(key(python="other"), key(preload=Preload(("keras",))), key(PYTHONHASHSEED="1")),
        *(key(LD_LIBRARY_PATH="/x"), key(TF_ENABLE_ONEDNN_OPTS="0"), key(XLA_FLAGS="x")),
        *(key(HOME="/other"), key(LANG="C"), key(MALLOC_ARENA_MAX="1")),
    ]
    assert len({*same, *others}) == 1 + len(others)


@pytest.mark.parametrize(
    ("env", "secrets"),
    [
        ({"LD_PRELOAD": "/lib/x.so"}, []),
        ({"COVERAGE_PROCESS_START": "x"}, []),
        ({"TF_SECRET": "s"}, ["TF_SECRET"]),
    ],
)
def test_some_variables_forbid_it(env: dict[str, str], secrets: list[str]) -> None:
    assert wanted(SOME, "python", ENV | env, secrets) is None


def test_what_is_not_preloaded_is_wanted_of_nobody() -> None:
    assert wanted(Preload(reason="odd"), "python", ENV, []) is None
