"""Lines of torchrun, accelerate, horovodrun and deepspeed, read into keys of the spec."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import SpecError
from launcher.spec.build import spec_from_command
from launcher.spec.dump import to_yaml
from launcher.spec.jobspec import JobSpec
from launcher.spec.load import parse_spec
from launcher.spec.translation import Line, is_launch_line, translate


def read(line: str, rest: str = "") -> JobSpec:
    return parse_spec(f"entrypoint: {line}\n{rest}", "job.yaml")


def complaints(line: str, rest: str = "") -> str:
    with pytest.raises(SpecError) as caught:
        read(line, rest)
    return str(caught.value)


def settings(line: str) -> dict[str, Any]:
    """What a line says, by key; for frameworks that are not built, too."""
    found = translate(shlex.split(line))
    assert isinstance(found, Line)
    assert found.faults == []
    return {".".join(path): one.value for path, one in found.keys.items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "torchrun --nproc-per-node 2 train.py --epochs 5",
            "entrypoint: train.py --epochs 5\nresources:\n  workers: 2\n",
        ),
        (
            ("torchrun --nnodes 2 --nproc_per_node=4 --rdzv-id 7 --rdzv_backend c10d "
            "--rdzv-endpoint host:29400 --max-restarts 3 -m pkg.train --lr 0.1"),
            ("entrypoint: -m pkg.train --lr 0.1\nresources:\n  workers: 8\n  nodes: 2\n"
            "retries:\n  max: 3\n"),
        ),
        (
            "torchrun --standalone --nproc-per-node 4 train.py",
            "entrypoint: train.py\nresources:\n  workers: 4\n  placement: single_node\n",
        ),
        (
            ("python -u -m torch.distributed.run --nnodes=2:2 --nproc_per_node=1 --node_rank=0 "
            "--master_addr=a --master_port=1 -t3 -r 3 train.py"),
            "entrypoint: train.py\nresources:\n  workers: 2\n  nodes: 2\n",
        ),
        (
            "python -m torch.distributed.launch --use_env --nproc_per_node 2 train.py",
            "entrypoint: train.py\nresources:\n  workers: 2\n",
        ),
        (
            "torchrun --nnodes 1:4 --nproc-per-node 2 --max-restarts 3 train.py",
            ("entrypoint: train.py\nresources:\n  workers:\n    min: 2\n    max: 8\n"
            "  workers_per_node: 2\nretries:\n  max: 3\n"),
        ),
        (
            "torchrun --nnodes=1:3 train.py",
            ("entrypoint: train.py\nresources:\n  workers:\n    min: 1\n    max: 3\n"
            "  workers_per_node: 1\n"),
        ),
        ("torchrun train.py --nproc-per-node 9", "entrypoint: train.py --nproc-per-node 9\n"),
        ("torchrun --shutdown-timeout 90 -- train.py", "entrypoint: train.py\ntimeouts:\n"),
        (
            ("accelerate launch --multi_gpu --num-processes 4 --num_machines 2 --machine_rank 1 "
            "--main_process_ip a --mixed_precision=bf16 --dynamo_backend inductor train.py"),
            ("entrypoint: train.py\nenv:\n  ACCELERATE_MIXED_PRECISION: bf16\n"
            "  ACCELERATE_DYNAMO_BACKEND: INDUCTOR\n"
            "resources:\n  workers: 4\n  gpus_per_worker: 1\n  nodes: 2\n"),
        ),
        (
            "accelerate-launch --cpu --num_processes 2 --num_cpu_threads_per_process 3 train.py",
            ("entrypoint: train.py\nenv:\n  ACCELERATE_USE_CPU: 'True'\n"
            "resources:\n  workers: 2\n  gpus_per_worker: 0\n  cpus_per_worker: 3\n"),
        ),
        (
            "deepspeed --no_local_rank --num_nodes 2 --num_gpus 4 train.py --deepspeed ds.json",
            ("entrypoint: train.py --deepspeed ds.json\n"
            "resources:\n  workers: 8\n  gpus_per_worker: 1\n  nodes: 2\n"),
        ),
    ],
)  # fmt: skip
def test_a_line_is_read_into_the_keys_that_it_means(line: str, expected: str) -> None:
    assert expected in to_yaml(read(line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("horovodrun -np 4 python train.py", {"resources.workers": 4}),
        (
            "horovodrun -np 4 -H a:2,b:2 --gloo --start-timeout 90 python train.py",
            {"resources.workers": 4, "resources.nodes": 2, "timeouts.start": 90},
        ),
        ("horovodrun -np=3 -H a:4,b:4 python t.py", {"resources.workers": 3, "resources.nodes": 1}),
        (
            "horovodrun -np 3 -H a:2,b:2 python t.py",
            {"resources.workers": 3, "resources.nodes": 2, "resources.uneven": True},
        ),
        (
            "horovodrun -np 2 -H localhost:2 --fusion-threshold-mb 32 --autotune python t.py",
            {
                "resources.workers": 2,
                "resources.placement": "single_node",
                "env.HOROVOD_FUSION_THRESHOLD": str(32 * 2**20),
                "env.HOROVOD_AUTOTUNE": "1",
            },
        ),
    ],
)
def test_a_horovod_line_is_a_horovod_job(line: str, expected: dict[str, Any]) -> None:
    assert settings(line) == expected
    assert read(line).framework == "horovod"


def test_the_interpreter_of_a_tool_given_by_its_path_runs_the_program() -> None:
    spec = read("/opt/venv/bin/torchrun --nproc-per-node 2 train.py")
    assert spec.python.interpreter == "/opt/venv/bin/python"
    spec = read("/opt/venv/bin/python3.12 -m torch.distributed.run train.py")
    assert spec.python.interpreter == "/opt/venv/bin/python3.12"


@pytest.mark.parametrize(
    "words",
    [
        ["train.py", "--model", "torchrun"],
        ["accelerate", "config"],
        ["python", "-m", "torch.distributed.something"],
        ["python", "torchrun.py"],
        ["python", "-m"],
        ["torchrun.py"],
        [],
    ],
)
def test_other_programs_are_no_launch_lines(words: list[str]) -> None:
    assert not is_launch_line(words)
    assert translate(words) is None


def test_keys_that_agree_with_the_line_may_stand_beside_it() -> None:
    spec = read(
        "torchrun --nnodes 2 --nproc-per-node 2 --max-restarts 3 train.py",
        "framework: pytorch\nretries: {max: 3}\n"
        "resources: {workers: 4, nodes: 2, workers_per_node: 2, gpus_per_worker: 2}\n",
    )
    assert spec.resources.workers == 4
    assert spec.resources.gpus_per_worker == 2


@pytest.mark.parametrize(
    ("rest", "workers"),
    [("resources: {workers: 6}", 6), ("resources: {nodes: 2, workers_per_node: 4}", 8)],
)
@pytest.mark.parametrize("flags", ["--nproc-per-node gpu", "--nproc-per-node auto", ""])
def test_a_number_that_the_line_leaves_open_is_the_specs(
    flags: str, rest: str, workers: int
) -> None:
    spec = read(f"torchrun {flags} train.py", rest)
    assert spec.resources.workers == workers
    assert spec.resources.gpus_per_worker == (1 if "gpu" in flags else None)


def test_a_variable_of_the_users_own_is_kept_when_it_is_the_same() -> None:
    spec = read(
        "accelerate launch --num_processes 2 --mixed_precision no train.py",
        'env: {ACCELERATE_MIXED_PRECISION: "no", A: "1"}\n',
    )
    assert spec.env == {"ACCELERATE_MIXED_PRECISION": "no", "A": "1"}


@pytest.mark.parametrize(
    ("line", "rest", "both"),
    [
        ("torchrun --nproc-per-node 2 t.py", "resources: {workers: 3}", ("3", "-node 2")),
        ("torchrun --standalone t.py", "resources: {placement: spread}", ("spread", "--standa")),
        (
            "torchrun --shutdown-timeout 30 t.py",
            "timeouts: {grace: 1m}",
            ("'1m'", "--shutdown-timeout 30"),
        ),
        (
            "deepspeed --no_local_rank --num_gpus 2 t.py",
            "resources: {gpus_per_worker: 0}",
            ("0", "--num_gpus 2"),
        ),
    ],
)  # fmt: skip
def test_a_contradiction_names_the_key_and_the_flag(
    line: str, rest: str, both: tuple[str, str]
) -> None:
    text = complaints(line, rest)
    assert len(text.splitlines()) == 1
    assert all(word in text for word in both)


def test_a_framework_of_its_own_can_not_be_another_one() -> None:
    text = complaints("horovodrun -np 2 python t.py", "framework: pytorch")
    assert "framework: 'pytorch' contradicts horovodrun in entrypoint" in text


def test_a_list_stays_a_list_and_a_line_a_line() -> None:
    spec = parse_spec("entrypoint: [torchrun, --nproc-per-node, 2, train.py, a b]\n", "job.yaml")
    assert (spec.entrypoint, spec.resources.workers) == (("train.py", "a b"), 2)
    assert read("torchrun train.py 'a b'").entrypoint == "train.py 'a b'"


def test_a_section_that_is_no_section_is_told_once() -> None:
    assert complaints("torchrun --nproc-per-node 2 t.py", "resources: 4").count("resources") == 1


def test_a_command_line_needs_no_yaml() -> None:
    spec = spec_from_command(shlex.split("torchrun --nproc-per-node 2 t.py -x"), check_files=False)
    assert (spec.framework, spec.entrypoint, spec.resources.workers) == ("pytorch", "t.py -x", 2)


def test_a_flag_of_ours_that_contradicts_theirs_is_named() -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_command(["torchrun", "--nproc-per-node", "2", "t.py"], workers=4,
                          check_files=False)  # fmt: skip
    text = str(caught.value)
    assert text.startswith("--workers 4: 4 contradicts --nproc-per-node 2 in entrypoint")


def test_two_hosts_with_too_few_slots_are_told() -> None:
    found = translate(["horovodrun", "-np", "8", "-H", "a:2,b:2", "python", "t.py"])
    assert found is not None
    assert found.faults == ["-np 8 -H a:2,b:2: 4 slots for 8 processes"]


WORDS = st.lists(
    st.sampled_from(
        [
            *("--nnodes", "2", "1:4", "--nproc-per-node", "gpu", "--standalone", "-m", "-r3"),
            *("--x=1", "--tee", "--", "t.py", "--role", "a", "-H", "a:1,b:2", "-np", "--help"),
            *("--num_gpus", "--num_processes", "--mixed_precision", "bf16", "--include"),
        ]
    ),
    max_size=8,
)


@given(
    st.sampled_from(["torchrun", "accelerate launch", "horovodrun", "deepspeed"]),
    WORDS,
    st.sampled_from(["", "resources: {workers: 2, nodes: 2}", "resources: x", "env: [1]"]),
)
def test_any_line_is_read_or_refused_in_words(tool: str, words: list[str], rest: str) -> None:
    try:
        spec = read(" ".join([tool, *words]), rest)
    except SpecError:
        return
    assert parse_spec(to_yaml(spec), "saved.yaml") == spec
