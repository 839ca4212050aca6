"""The torchrun lines that do without launcher what a job did."""

import pytest

from launcher.spec.bare import bare_nodes
from launcher.spec.load import parse_spec


def lines(text: str, **layout: list[int] | list[str]) -> list[tuple[str, ...]]:
    spec = parse_spec(text, "job.yaml")
    return [node.lines for node in bare_nodes(spec, "job-abc", **layout)]  # type: ignore[arg-type]


def test_one_node_takes_one_standalone_line() -> None:
    (found,) = lines(
        "entrypoint: train.py --epochs 5\nworkdir: /my code\nenv: {A: a b}\nretries: {max: 3}\n"
        "resources: {workers: 2, gpus_per_worker: 0, cpus_per_worker: 4}\n"
    )
    assert found == (
        "cd '/my code'",
        "export OMP_NUM_THREADS=4",
        "export CUDA_VISIBLE_DEVICES=''",
        "export A='a b'",
        "torchrun --standalone --nproc-per-node 2 --max-restarts 3 train.py --epochs 5",
    )


def test_several_nodes_take_a_line_each_that_names_the_first() -> None:
    text = "entrypoint: -m pkg.train\nresources: {workers: 3, uneven: true, nodes: 2}\n"
    found = lines(text, ranks=[2, 1], hosts=["a", "b"])
    first = (
        "torchrun --nnodes 2 --node-rank 0 --master-addr a --master-port 29500 --rdzv-id job-abc"
    )
    assert [node[-1] for node in found] == [
        f"{first} --nproc-per-node 2 -m pkg.train",
        f"{first.replace('rank 0', 'rank 1')} --nproc-per-node 1 -m pkg.train",
    ]


@pytest.mark.parametrize(
    ("resources", "ranks"),
    [
        ("{workers: 4}", ["4"]),
        ("{workers: 4, nodes: 2}", ["2", "2"]),
        ("{workers: 4, workers_per_node: 1}", ["1"] * 4),
        ("{workers: 5, nodes: 2, uneven: true}", ["3", "2"]),
    ],
)
def test_a_job_that_was_never_placed_is_laid_out_as_its_spec_says(
    resources: str, ranks: list[str]
) -> None:
    found = lines(f"entrypoint: t.py\nresources: {resources}\n")
    assert [node[-1].partition("--nproc-per-node ")[2].split()[0] for node in found] == ranks


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("entrypoint: python -u t.py", "torchrun --standalone --nproc-per-node 1 t.py"),
        ("entrypoint: python -X dev t.py", "1 --no-python python -X dev t.py"),
        (
            "entrypoint: t.py\npython: {interpreter: /v/bin/python}",
            "/v/bin/python -m torch.distributed.run --standalone --nproc-per-node 1 t.py",
        ),
        (
            "entrypoint: t.py\npython: {interpreter: ~/my v/bin/python}",
            "~/'my v/bin/python' -m torch.distributed.run --standalone --nproc-per-node 1 t.py",
        ),
        ("framework: command\nentrypoint: [./run.sh, a b]", "1 --no-python ./run.sh 'a b'"),
        ("framework: command\nentrypoint: make && ./x", "--no-python bash -e -c 'make && ./x'"),
    ],
)
def test_every_kind_of_program_has_its_line(text: str, end: str) -> None:
    assert lines(text)[0][-1].endswith(end)


def test_what_was_made_on_the_nodes_is_made_by_hand() -> None:
    (found,) = lines(
        "entrypoint: t.py\nlinks: {data: /mnt/a b}\n"
        "python: {interpreter: /v/bin/python, requirements: [torch>=2, numpy]}\n"
    )
    assert found[1:4] == (
        "ln -sfn '/mnt/a b' data",
        "uv venv .venv && . .venv/bin/activate",
        "uv pip install 'torch>=2' numpy",
    )
    assert found[-1] == "torchrun --standalone --nproc-per-node 1 t.py"


def test_of_a_secret_the_name_alone_is_shown() -> None:
    (found,) = lines("entrypoint: a.py\nsecrets: {HF_TOKEN: TEAM_TOKEN}\n")
    assert ': "${HF_TOKEN:?is a secret: export it before}"; export HF_TOKEN' in found


def test_the_users_own_variable_wins() -> None:
    (found,) = lines("entrypoint: t.py\nenv: {OMP_NUM_THREADS: 9}\n")
    assert [line for line in found if "OMP" in line] == ["export OMP_NUM_THREADS=9"]


def test_workers_of_tensorflow_are_a_line_each_with_their_tf_config() -> None:
    found = lines(
        "framework: tensorflow\ntensorflow: {strategy: multi_worker_mirrored}\n"
        "entrypoint: python -u t.py -x\nresources: {workers: 3, uneven: true, nodes: 2}\n",
        ranks=[2, 1],
        hosts=["a", "b"],
    )
    config = (
        '{"cluster":{"worker":["a:29500","a:29501","b:29500"]},"task":{"type":"worker","index":'
    )
    assert [node[2:] for node in found] == [
        (
            f"TF_CONFIG='{config}0}}}}' python -u t.py -x &",
            f"TF_CONFIG='{config}1}}}}' python -u t.py -x &",
            "wait",
        ),
        (f"TF_CONFIG='{config}2}}}}' python -u t.py -x",),
    ]


@pytest.mark.parametrize("framework", ["tensorflow", "keras"])
def test_workers_of_one_process_are_one_line(framework: str) -> None:
    (found,) = lines(
        f"framework: {framework}\nentrypoint: t.py\n"
        "resources: {workers: 4, cpus_per_worker: 2, gpus_per_worker: 0}\n"
    )
    assert found[1] == "export OMP_NUM_THREADS=8"
    assert found[-1] == "python t.py"


def test_processes_of_jax_are_told_where_they_meet_and_which_gpus_are_their_own() -> None:
    text = "framework: jax\nentrypoint: t.py\nresources: {workers: 2, gpus_per_worker: 2}\n"
    (found,) = lines(text)
    meeting = "JAX_COORDINATOR_ADDRESS=localhost:29500 JAX_NUM_PROCESSES=2"
    size = "OMPI_MCA_orte_hnp_uri=none OMPI_COMM_WORLD_SIZE=2"
    started = [
        f"CUDA_VISIBLE_DEVICES={gpus} {meeting} JAX_PROCESS_ID={rank} {size} "
        f"OMPI_COMM_WORLD_RANK={rank} OMPI_COMM_WORLD_LOCAL_RANK={rank} python t.py &"
        for rank, gpus in enumerate(["0,1", "2,3"])
    ]
    assert found[-3:] == (*started, "wait")


def test_keras_on_torch_is_started_by_torchrun() -> None:
    text = "framework: keras\nkeras: {backend: torch}\nentrypoint: t.py\nresources: {workers: 2}\n"
    (found,) = lines(text)
    assert "export KERAS_BACKEND=torch" in found
    assert found[-1] == "torchrun --standalone --nproc-per-node 2 t.py"


def test_horovodrun_is_typed_on_the_first_node_alone() -> None:
    (found,) = lines(
        "framework: horovod\nentrypoint: t.py\nresources: {workers: 4, nodes: 2}\n",
        ranks=[2, 2],
        hosts=["a", "b"],
    )
    assert found[-1] == "horovodrun -np 4 -H a:2,b:2 python t.py"


def test_there_and_back_again_is_the_same_gang() -> None:
    line = "torchrun --nnodes 2 --nproc-per-node 2 --max-restarts 1 train.py -x"
    spec = parse_spec(f"entrypoint: {line}\n", "job.yaml")
    for node in bare_nodes(spec, "job-abc", hosts=["a", "b"]):
        again = parse_spec(f"entrypoint: {node.lines[-1]}\n", "job.yaml")
        assert (again.resources, again.retries) == (spec.resources, spec.retries)
        assert again.program == spec.program
