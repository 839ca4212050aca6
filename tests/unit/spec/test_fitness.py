"""A program that does not fit its framework is told so before it waits for GPUs."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from launcher.errors import SpecError
from launcher.frameworks.compatibility import Package
from launcher.spec.build import spec_from_command
from launcher.spec.fitness import question, warnings
from launcher.spec.jobspec import JobSpec
from launcher.spec.load import load_spec
from launcher.spec.signs import signs

TF = "import tensorflow as tf\n"
MULTI = f"{TF}strategy = tf.distribute.MultiWorkerMirroredStrategy()\n"
FIT = f"{MULTI}model = build()\nmodel.fit(data, epochs=3)\n"
HVD = "import horovod.tensorflow.keras as hvd\n"


def found(source: str) -> set[str]:
    return set(signs(textwrap.dedent(source)).traits or ())


@pytest.mark.parametrize(
    ("source", "traits"),
    [
        ("import keras\nmodel.compile('sgd')\nmodel.fit(x)", {"Keras fit"}),
        ("import keras\nself.model.compile()\nself.model.fit(x)", {"Keras fit"}),
        ("import keras\nbuild().fit(x, epochs=1)", set()),
        ("import keras\nm.fit(x, callbacks=[])", {"Keras fit"}),
        ("import keras\nscaler.fit(x)", set()),
        ("import sklearn\nm.compile()\nm.fit(x, epochs=1)", set()),
        (MULTI, {"MultiWorkerMirroredStrategy", "several together"}),
        ("from x import MirroredStrategy as M", {"several together"}),
        (f"{TF}s.experimental_distribute_dataset(d)", {"a training loop of its own"}),
        ("import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'", {"legacy Keras"}),
        ("os.environ.update(TF_USE_LEGACY_KERAS='1')", {"legacy Keras"}),
        ("import tf_keras", {"legacy Keras"}),
        (f"{HVD}o = hvd.DistributedOptimizer(o)", {"Horovod's Keras optimizer"}),
        (
            "from horovod.keras import DistributedOptimizer as D\nD(o)",
            {"Horovod's Keras optimizer"},
        ),
        (
            "import horovod.keras\nhorovod.keras.DistributedOptimizer(o)",
            {"Horovod's Keras optimizer"},
        ),
        (f"{HVD}hvd.callbacks.MetricAverageCallback()", {"Horovod's Keras callbacks"}),
        ("import horovod.torch as hvd\nhvd.DistributedOptimizer(o)", set()),
        ("import horovod.tensorflow as hvd\nhvd.DistributedOptimizer(o)", set()),
        ("from launcher.train.keras import distribute\ndistribute(f)", {"several together"}),
        ("import jax\njax.distributed.initialize()", {"several together"}),
        ("import torch", {"imports torch"}),
        ("", set()),
    ],
)
def test_a_program_shows_how_it_trains(source: str, traits: set[str]) -> None:
    together = {"several together"} if "DistributedOptimizer" in source else set()
    assert found(source) == traits | together


def test_each_sign_is_shown_where_it_is_first() -> None:
    assert signs(FIT).traits == {
        "MultiWorkerMirroredStrategy": 2, "several together": 1, "Keras fit": 4,
    }  # fmt: skip


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    """The spec of a program, as `load_spec` gives it."""

    def make(program: str | dict[str, str], **keys: Any) -> JobSpec:
        files = program if isinstance(program, dict) else {"train.py": program}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        lines = [f"{key}: {value}" for key, value in {"entrypoint": "train.py", **keys}.items()]
        (tmp_path / "job.yaml").write_text("\n".join(lines))
        return load_spec(tmp_path / "job.yaml")

    return make


WORKERS = {"resources": "{workers: 2}"}
IN_TF = {"framework": "tensorflow", "tensorflow": "{strategy: multi_worker_mirrored}", **WORKERS}
LEGACY = {"env": '{TF_USE_LEGACY_KERAS: "1"}'}


def test_fit_of_keras_3_under_multi_worker_mirrored_is_refused_with_three_ways_out(
    spec: Any,
) -> None:
    with pytest.raises(SpecError) as caught:
        spec(FIT, **IN_TF)
    text = caught.value.message
    assert "job.yaml:3:24: tensorflow.strategy: train.py:4: fit of Keras 3 fails under" in text
    for way in (
        "keras: {backend: jax} or {backend: torch}",
        'env: {TF_USE_LEGACY_KERAS: "1"} and the package tf_keras',
        "write the training loop yourself",
    ):
        assert way in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("program", "keys"),
    [
        (FIT, IN_TF | {"resources": "{workers: 1}"}),
        (FIT, IN_TF | LEGACY),
        (f"import tf_keras\n{FIT}", IN_TF),
        (FIT.replace("MultiWorkerMirrored", "Mirrored"), {"framework": "tensorflow", **WORKERS}),
        (f"{MULTI}scaler.fit(x)\nstrategy.run(step)", IN_TF),
        ("import keras\nm.fit(x, epochs=1)", {"framework": "keras", **WORKERS}),
        ("import torch", {}),
        ("print(1)", {"framework": "jax"}),
        ("import tensorflow.keras", {"framework": "keras"}),
        ("import keras", {"framework": "tensorflow"}),
        (f"{HVD}import torch", {"framework": "horovod"}),
        ("import tensorflow", {"framework": "command", "entrypoint": "python train.py"}),
        ("def broken(:", {"python": "{interpreter: /usr/bin/newer}"}),
    ],
)
def test_what_fits_is_neither_refused_nor_warned_of(spec: Any, program: str, keys: Any) -> None:
    assert warnings(spec(program, **keys)) == []


ON_TORCH = {"framework": "keras", "keras": "{backend: torch}", **WORKERS}


@pytest.mark.parametrize(
    ("program", "keys", "words"),
    [
        (f"{FIT}s.experimental_distribute_dataset(d)", IN_TF, "train.py:4: fit of Keras 3 fails"),
        (MULTI, {"framework": "tensorflow", **WORKERS}, "train.py:2: MultiWorkerMirroredStrategy"),
        (f"{TF}tf.distribute.MirroredStrategy()", IN_TF, "train.py:2: MirroredStrategy knows only"),
        ("import keras\nm.fit(x, epochs=1)", ON_TORCH, "train.py:2: nothing makes the workers one"),
        (f"{HVD}hvd.DistributedOptimizer(o)", {"framework": "horovod"}, "train.py:2: with Keras 3"),
        ("import tensorflow", {}, "imports tensorflow, but framework is pytorch; write framework:"),
        (f"import torch\n{HVD}", {}, "imports horovod, but framework is pytorch; write framework:"),
        (
            "import torch",
            {"framework": "jax"},
            "imports torch, but framework is jax; write framewo",
        ),
        ("import flax", {"framework": "keras"}, "imports flax, but framework is keras; write fram"),
        (
            "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras",
            {"framework": "keras"},
            "train.py sets KERAS_BACKEND to jax, but keras.backend is tensorflow; write keras: {",
        ),
    ],
)
def test_what_trains_otherwise_than_meant_is_warned_of(
    spec: Any, program: str, keys: Any, words: str
) -> None:
    [told] = warnings(spec(program, **keys))
    assert words in told


def test_a_file_that_hides_a_package_is_warned_of(spec: Any) -> None:
    files = {"sub/train.py": "import torch\n", "sub/torch.py": "", "keras.py": ""}
    [told] = warnings(spec(files, entrypoint="sub/train.py"))
    assert told.startswith("sub/train.py imports torch, and python finds torch.py of its own")
    files = {"pkg/__main__.py": "import keras\n", "keras.py": ""}
    [told] = warnings(spec(files, entrypoint="-m pkg", framework="keras"))
    assert "pkg/__main__.py imports keras, and python finds keras.py" in told


def test_versions_that_are_known_are_judged_too(spec: Any) -> None:
    job = spec("import torch")
    assert (
        "found none in /python" in warnings(job, {"torch": Package("", module=False)}, "/python")[0]
    )
    assert warnings(job, {"torch": Package("2.13.0+cpu")}, "/python") == []
    old = {"keras": Package("2.15.0"), "horovod": Package("0.28.1")}
    assert warnings(spec(f"{HVD}hvd.DistributedOptimizer(o)", framework="horovod"), old) == []


def test_an_interpreter_is_asked_only_where_something_is_needed(spec: Any, tmp_path: Path) -> None:
    assert question(spec("import torch"))[1] == str(tmp_path)
    assert question(spec("print(1)")) == []
    assert question(spec("import torch", python="{requirements: [torch]}")) == []
    assert question(spec("", framework="command", entrypoint="ls")) == []
    assert question(spec("", entrypoint="-m installed.elsewhere")) != []


def test_a_command_line_is_judged_as_a_spec_is(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(FIT)
    keys = ["tensorflow.strategy=multi_worker_mirrored"]
    with pytest.raises(SpecError, match=r"train.py:4: fit of Keras 3 fails"):
        spec_from_command(["train.py"], framework="tensorflow", workers=2, overrides=keys)
