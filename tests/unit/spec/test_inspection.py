"""What a program's text tells of itself, and the job.yaml that is proposed for it."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import SpecError
from launcher.spec.inspection import Inspection, inspect
from launcher.spec.load import parse_spec
from launcher.spec.template import propose

JOBS = Path(__file__).parents[3] / "jobs"


@pytest.mark.parametrize(
    ("source", "framework"),
    [
        ("import torch", "pytorch"),
        ("def main():\n    from transformers import Trainer", "pytorch"),
        ("import horovod.torch as hvd\nimport torch", "horovod"),
        ("from tensorflow import keras", "keras"),
        ("import tensorflow.keras.layers", "keras"),
        ("import tensorflow as tf", "tensorflow"),
        ("import flax", "jax"),
        ("from . import torch", None),
        ("import numpy", None),
    ],
)
def test_the_imports_say_what_it_trains_with(source: str, framework: str | None) -> None:
    assert inspect(source).framework == framework


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (
            "from tensorflow import keras\ntf.distribute.MultiWorkerMirroredStrategy()",
            "framework: tensorflow|tensorflow: {strategy: multi_worker_mirrored}",
        ),
        (
            "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras",
            "framework: keras|keras: {backend: jax}",
        ),
        ("import keras\ntf.distribute.MirroredStrategy()", "framework: keras"),
    ],
)
def test_what_the_framework_must_be_told_is_in_the_proposal(source: str, lines: str) -> None:
    text = propose(["train.py"], inspect(source))
    written = [line.partition("#")[0].strip() for line in text.splitlines()]
    for line in lines.split("|"):
        assert line in written
    assert written.count("keras: {backend: jax}") == lines.count("backend")
    parse_spec(text, "job.yaml")


@pytest.mark.parametrize(
    ("source", "together"),
    [
        ("dist.init_process_group('gloo')", True),
        ("from torch.nn.parallel import DistributedDataParallel as DDP\nm = DDP(m)", True),
        ("hvd.init()", True),
        ("accelerator = Accelerator()", True),
        ("parser.init()", False),
        ("print('DistributedDataParallel')", False),
    ],
)
def test_it_is_seen_whether_several_processes_train_together(source: str, together: bool) -> None:
    assert inspect(source).is_distributed == together


@pytest.mark.parametrize(
    ("source", "saves"),
    [
        ("torch.save(m, 'snapshot.pt')", ["snapshot.pt"]),
        ("torch.save(obj=m, f='./out/a.pt')", ["out/a.pt"]),
        ("torch.save(m, f'ck/{epoch}-{step:06d}.pt')", ["ck/*-*.pt"]),
        ("torch.save(m, 'e%03d.pt' % epoch)", ["e*.pt"]),
        ("torch.save(m, 'e{}.pt'.format(epoch))", ["e*.pt"]),
        ("path = 'a.pt'\ntorch.save(m, path)", ["a.pt"]),
        ("path = 'a.pt'\npath = 'b.pt'\ntorch.save(m, path)", []),
        ("torch.save(m, os.path.join(folder, 'a.pt'))", ["*/a.pt"]),
        ("torch.save(m, Path('runs') / name / 'a.pt')", ["runs/*/a.pt"]),
        ("p.add_argument('--out', default='r')\ntorch.save(m, args.out + '/a.pt')", ["r/a.pt"]),
        ("torch.save(m, 'a.tmp')\nos.replace('a.tmp', 'a.pt')", ["a.pt"]),
        ("t = Path('a.tmp')\ntorch.save(m, t)\nt.rename('a.pt')", ["a.pt"]),
        ("torch.save(m, 'a.pt.tmp')\nos.replace('a.pt.tmp', 'a.pt')", ["a.pt"]),
        ("model.save('final.keras')", ["final.keras"]),
        ("model.save('saved_model')", ["saved_model"]),
        ("keras.callbacks.ModelCheckpoint('ck/{epoch:02d}.keras')", ["ck/*.keras"]),
        ("ModelCheckpoint(filepath='ck.h5')", ["ck.h5"]),
        ("save_file(tensors, 'm.safetensors')", ["m.safetensors"]),
        ("model.save_pretrained('out')", ["out"]),
        ("figure.save('a.png')", []),
        ("torch.save(m, buffer)", []),
        ("torch.save(m, '../outside.pt')", []),
        ("x = x\ntorch.save(m, x)", []),
        ("torch.save(m)", []),
    ],
)  # fmt: skip
def test_the_files_that_it_saves_become_globs(source: str, saves: list[str]) -> None:
    assert list(inspect(source).saves) == saves


def test_its_arguments_are_told_as_in_a_usage_line() -> None:
    found = inspect(
        textwrap.dedent(
            """
            parser.add_argument("-e", "--epochs", type=int, default=5)
            parser.add_argument("--lr", required=True)
            parser.add_argument("--fast", action="store_true", default=False)
            parser.add_argument("data")
            parser.add_argument(name)
            @click.option("--seed", default=1)
            @click.option("--amp/--no-amp")
            @click.argument("out")
            def main(): pass
            """
        )
    )
    shown = sorted(map(str, found.arguments))
    assert shown == sorted(
        ["--epochs 5", "--lr (required)", "--fast", "DATA (required)", "--seed 1", "--amp", "OUT"]
    )


def test_a_text_that_is_no_python_is_told_by_its_place() -> None:
    with pytest.raises(SyntaxError):
        inspect("def (")


@pytest.mark.parametrize(
    "script", sorted(JOBS.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_job_of_ours_gets_a_spec_that_is_valid(script: Path) -> None:
    found = inspect(script.read_text())
    spec = parse_spec(propose([script.name], found), "job.yaml")
    assert spec.entrypoint == script.name


def test_what_was_found_is_proposed() -> None:
    found = Inspection("pytorch", is_distributed=True, saves=("a.pt", "ck/*.pt"))
    text = propose(["train.py", "--epochs", "5"], found)
    spec = parse_spec(text, "job.yaml")
    assert (spec.framework, spec.resources.workers) == ("pytorch", 2)
    assert spec.checkpoints.watch == ("a.pt", "ck/*.pt")


def test_what_saves_through_the_launcher_is_not_watched_too() -> None:
    found = Inspection("pytorch", uses_launcher=True, saves=("a.pt",))
    assert parse_spec(propose(["train.py"], found), "job.yaml").checkpoints.watch == ()


def test_a_line_of_torchrun_is_proposed_as_the_spec_that_it_means() -> None:
    line = "torchrun --nnodes 2 --nproc-per-node 2 --max-restarts 3 train.py --epochs 5"
    found = Inspection("pytorch", is_distributed=True, saves=("a.pt",))
    spec = parse_spec(propose(line.split(), found), "job.yaml")
    assert (spec.entrypoint, spec.resources.workers) == ("train.py --epochs 5", 4)
    assert (spec.resources.nodes, spec.retries.max) == (2, 3)
    assert spec.checkpoints.watch == ("a.pt",)


def test_a_framework_that_is_not_there_yet_runs_as_a_command() -> None:
    text = propose(["train.py"], Inspection("nosuch"))
    assert "framework: nosuch is not in this version" in text
    spec = parse_spec(text, "job.yaml")
    assert (spec.framework, spec.entrypoint) == ("command", "python train.py")


def test_a_bad_line_is_refused_with_its_complaints() -> None:
    with pytest.raises(SpecError, match="--nnodes two"):
        propose(["torchrun", "--nnodes", "two", "train.py"], None)


@given(st.lists(st.sampled_from(
    ["import torch", "torch.save(m, x)", "x = x + '/a'", "x = f'{x}.pt'", "torch.save(m, x / y)",
     "y: str = 'b'", "m.save(y)", "add_argument(*a)", "p.add_argument('--x', default=[1])",
     "torch.save(*x)", "x, y = 1, 2", "click.option()", "torch.save(m, 'a' * 3)"]
), max_size=8))  # fmt: skip
def test_any_program_gets_a_spec_that_is_valid(statements: list[str]) -> None:
    found = inspect("\n".join(statements))
    parse_spec(propose(["train.py"], found), "job.yaml")
