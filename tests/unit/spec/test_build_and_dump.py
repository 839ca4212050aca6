import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import SpecError
from launcher.spec.build import spec_from_command
from launcher.spec.dump import to_json, to_yaml
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import spec_from_data
from launcher.spec.load import load_spec, parse_spec

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ARGUMENTS = st.lists(TEXT, max_size=5)


def test_a_command_line_becomes_a_spec(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    spec = spec_from_command(
        ["train.py", "--epochs", "5"],
        workers=2,
        workdir=tmp_path,
        env={"A": "1"},
        overrides=["timeouts.run=1h"],
    )
    assert spec.entrypoint == "train.py --epochs 5"
    assert (spec.name, spec.framework, spec.resources.workers) == ("train", "pytorch", 2)
    assert (spec.workdir, spec.env, spec.timeouts.run) == (str(tmp_path), {"A": "1"}, 3600)


@pytest.mark.parametrize(
    ("argv", "framework"),
    [
        (["python", "-u", "a.py"], "pytorch"),
        (["-m", "pkg.a"], "pytorch"),
        (["make", "train"], "command"),
        (["./run.sh"], "command"),
    ],
)
def test_the_framework_is_guessed_from_the_program(argv: list[str], framework: str) -> None:
    assert spec_from_command(argv, check_files=False).framework == framework


def test_complaints_name_the_flags() -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_command(
            ["torchrun", "--x", "a.py"],
            name="My Run",
            framework="pytorch",
            workers=0,
            env={"RANK": "1"},
            check_files=False,
        )
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "-- torchrun --x a.py",
        "--name My Run",
        "--env RANK=1",
        "--workers 0",
    ]


def test_a_missing_script_is_told_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_command(["train.py"], workdir=tmp_path)
    assert str(caught.value).startswith("-- train.py: 'train.py' is not in the workdir")


def test_a_command_line_without_program_is_refused_with_an_example() -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_command([])
    assert caught.value.hint is not None
    assert "-- train.py --epochs 5" in caught.value.hint


@given(ARGUMENTS)
def test_any_arguments_reach_the_program_as_they_were_given(words: list[str]) -> None:
    spec = spec_from_command(["train.py", *words], check_files=False)
    assert spec.program.argv == ("train.py", *words)
    assert parse_spec(to_yaml(spec), "saved.yaml").program == spec.program


@pytest.mark.parametrize(("word", "what"), [("a\0", "NUL"), ("\udcff", "UTF-8")])
def test_arguments_that_no_process_can_be_given_are_refused(word: str, what: str) -> None:
    with pytest.raises(SpecError, match=what):
        spec_from_command(["train.py", word], check_files=False)


def test_only_what_is_not_a_default_is_written_in_the_order_of_the_reference() -> None:
    spec = parse_spec(
        "timeouts: {run: 12h, grace: 60s}\nresources: {workers: 2, memory_per_worker: 8GiB}\n"
        "entrypoint: train.py --epochs 5\nname: digits\npriority: 50\nretries: {max: 0}\n",
        "job.yaml",
    )
    assert to_yaml(spec) == (
        "name: digits\n"
        "entrypoint: train.py --epochs 5\n"
        "resources:\n"
        "  workers: 2\n"
        "  memory_per_worker: 8GiB\n"
        "timeouts:\n"
        "  run: 12h\n"
    )


def test_a_script_of_several_lines_is_written_as_a_block() -> None:
    spec = parse_spec("framework: command\nentrypoint: |\n  make\n  make train\n", "job.yaml")
    assert "entrypoint: |\n  make\n  make train\n" in to_yaml(spec)


def test_a_saved_spec_loads_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    spec = spec_from_command(["train.py", "a b"], workdir=tmp_path, workers=3)
    (tmp_path / "job.yaml").write_text(to_yaml(spec))
    assert load_spec(tmp_path / "job.yaml") == spec


FILLED = TEXT.filter(str.strip)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
COUNT = st.integers(1, 1000)
SECONDS = st.integers(1, 10**7) | st.floats(1, 10**7)
SHAPES = st.sampled_from([
    {}, {"workers": 6}, {"workers": 6, "nodes": 2}, {"nodes": 2, "workers_per_node": 3},
    {"workers": 1, "nodes": 1, "workers_per_node": 4, "uneven": True},
    {"placement": "spread", "workers": 3},
])  # fmt: skip


def dictionary(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


WATCHED = st.lists(st.sampled_from(["a.pt", "runs/**/*.ckpt", "/mnt/x/*.pt"]), min_size=1)
CHECKPOINTS = st.builds(
    lambda keep, watched: keep | watched,
    dictionary(
        keep_last=COUNT,
        keep_best=st.fixed_dictionaries(
            {"metric": FILLED, "mode": st.sampled_from(["min", "max"])}, optional={"keep": COUNT}
        ),
    ),
    st.just({})
    | st.fixed_dictionaries({"watch": WATCHED}, optional={"watch_per_node": st.booleans()}),
)
FRAMEWORKS = st.sampled_from([
    {"framework": "pytorch"},
    {"framework": "jax"},
    {"framework": "tensorflow", "tensorflow": {"strategy": "multi_worker_mirrored"}},
    {"framework": "keras", "keras": {"backend": "torch"}},
])  # fmt: skip
INTERPRETERS = FILLED.filter(lambda path: not re.search(r"\$|\s-", path))
SPECS = st.builds(
    lambda program, shape, resources, rest: {
        **rest, **program, "resources": {**resources, **shape},
    },
    st.fixed_dictionaries({"framework": st.just("command"), "entrypoint": FILLED})
    | st.builds(
        lambda framework, words: framework | {"entrypoint": shlex.join(["a.py", *words])},
        FRAMEWORKS, st.lists(TEXT, max_size=4),
    ),
    SHAPES,
    dictionary(
        gpus_per_worker=st.integers(0, 8), cpus_per_worker=COUNT, accelerator=FILLED,
        memory_per_worker=st.integers(2**20, 2**40),
        custom=st.dictionaries(NAMES, st.floats(0.001, 100)),
        labels=st.dictionaries(FILLED, FILLED),
    ),
    dictionary(
        name=NAMES, workdir=FILLED, project=NAMES, cluster=NAMES, priority=st.integers(0, 100),
        env=st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), TEXT),
        python=dictionary(interpreter=INTERPRETERS), checkpoints=CHECKPOINTS,
        retries=dictionary(max=st.integers(0, 9), backoff=SECONDS),
        timeouts=dictionary(run=SECONDS, start=SECONDS, queue=SECONDS, grace=SECONDS),
        stop_signal=st.sampled_from(["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"]),
    ),
)  # fmt: skip


@given(SPECS)
def test_a_spec_written_as_yaml_reads_back_equal(data: dict[str, Any]) -> None:
    spec = spec_from_data(data)
    assert parse_spec(to_yaml(spec), "job.yaml") == spec


@given(SPECS)
def test_a_spec_sent_to_a_server_is_read_there_as_it_was(data: dict[str, Any]) -> None:
    spec = spec_from_data(data)
    assert JobSpec.model_validate(to_json(spec)) == spec


def test_a_server_is_sent_what_is_no_default_and_so_no_key_that_it_may_not_know_yet() -> None:
    spec = {"entrypoint": "train.py", "retries": {"max": 0}, "timeouts": {"run": "1h"}}
    assert to_json(spec_from_data(spec)) == {
        "name": "train",
        "entrypoint": "train.py",
        "timeouts": {"run": 3600.0},
    }
