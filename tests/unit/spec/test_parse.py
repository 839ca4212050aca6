import codecs
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import SpecError
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import spec_from_data
from launcher.spec.load import load_spec, parse_spec


def parse(text: str, *overrides: str) -> JobSpec:
    return parse_spec(text, "job.yaml", overrides)


def complaints(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(text, *overrides)
    return str(caught.value).splitlines()


def outcome(read: Callable[[], JobSpec]) -> JobSpec | str:
    """The spec, or the words of the refusal."""
    try:
        return read()
    except SpecError as error:
        return str(error)


def test_one_line_is_a_spec_with_the_defaults_of_the_design() -> None:
    spec = parse("entrypoint: train.py\n")
    assert spec.name == "train"
    assert (spec.framework, spec.workdir, spec.env) == ("pytorch", ".", {})
    assert (spec.project, spec.priority, spec.cluster) == ("default", 50, "any")
    assert spec.stop_signal == "SIGTERM"
    resources = spec.resources
    assert (resources.workers, resources.cpus_per_worker, resources.placement) == (1, 1, "pack")
    assert resources.gpus_per_worker is None
    assert resources.memory_per_worker is None
    assert spec.checkpoints.keep_last == 2
    assert (spec.retries.max, spec.retries.backoff) == (0, 10.0)
    timeouts = spec.timeouts
    assert (timeouts.run, timeouts.start, timeouts.queue, timeouts.grace) == (None, 600, None, 60)


def test_every_key_is_read() -> None:
    spec = parse("""
version: 1
name: digits
framework: command
entrypoint: [./run.sh, --epochs, 5, 0.10]
workdir: src
env: {A: 1, B: 1.10, C: 010, D: 12:30:00, E: 2026-11-21, F: "yes", G: "", H: 1_000}
python: {interpreter: /opt/python}
resources:
  workers: 4
  gpus_per_worker: 0
  cpus_per_worker: 2
  memory_per_worker: 8GiB
  accelerator: A100
  custom: {licence: 1, half: 0.5}
  labels: {ray.io/market-type: on-demand, gen: 3}
  nodes: 2
  workers_per_node: 2
checkpoints: {keep_last: 5}
retries: {max: 3, backoff: 1m}
timeouts: {run: 12h, start: 90, queue: 1d, grace: 0}
stop_signal: SIGUSR1
project: vision
priority: 80
cluster: lab
""")
    assert spec.entrypoint == ("./run.sh", "--epochs", "5", "0.10")
    assert spec.env == {
        "A": "1", "B": "1.10", "C": "010", "D": "12:30:00",
        "E": "2026-11-21", "F": "yes", "G": "", "H": "1_000",
    }  # fmt: skip
    assert spec.resources.memory_per_worker == 8 * 2**30
    assert spec.resources.custom == {"licence": 1.0, "half": 0.5}
    assert spec.resources.labels == {"ray.io/market-type": "on-demand", "gen": "3"}
    assert spec.timeouts.run == 12 * 3600
    assert spec.timeouts.start == 90
    assert spec.python.interpreter == "/opt/python"


@pytest.mark.parametrize("section", ["env", "resources", "checkpoints", "retries", "timeouts"])
def test_a_section_whose_lines_are_all_comments_stays_at_its_default(section: str) -> None:
    assert parse(f"entrypoint: train.py\n{section}:\n  # a: 1\n") == parse("entrypoint: train.py")


def test_nodes_times_workers_per_node_gives_the_workers() -> None:
    spec = parse("entrypoint: a.py\nresources: {nodes: 2, workers_per_node: 4}")
    assert spec.resources.workers == 8


def test_uneven_shapes_are_allowed_when_they_are_asked_for() -> None:
    spec = parse("entrypoint: a.py\nresources: {workers: 7, nodes: 2, uneven: true}")
    assert (spec.resources.workers, spec.resources.nodes) == (7, 2)


def test_all_complaints_come_at_once_in_the_order_of_the_text() -> None:
    assert complaints("""\
name: [a]
resources: {workers: 0, wrokers: 1}
image: [a]
env: {A: no}
timeouts:
  start: 1x
  hang: 15m
entrypoint: train.py 'x
name: other
""") == [
        "job.yaml:1:7: name: expected text, found a list",
        "job.yaml:2:22: resources.workers: must be a whole number from 1, not 0",
        "job.yaml:2:25: resources.wrokers: unknown key; did you mean resources.workers",
        "job.yaml:3:8: image: expected text, found a list",
        'job.yaml:4:10: env.A: no is a yes-or-no value to YAML, not text; quote it: "no"',
        "job.yaml:6:10: timeouts.start: '1x' is not a duration; write 90s, 30m, 12h or 1h30m",
        (
            "job.yaml:7:9: timeouts.hang: not in this version; timeouts.run ends a job that never "
            "ends by itself"
        ),
        'job.yaml:8:13: entrypoint: a quote in it is opened and never closed: "train.py \'x"',
        "job.yaml:9:1: name: is written twice, first in line 1; keep one",
    ]


def test_a_long_value_is_cut_in_its_complaint() -> None:
    (line,) = complaints(f"entrypoint: a.py\nname: {'X' * 500}\n")
    assert "'XXXX" in line
    assert "..." in line
    assert len(line) < 300


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        "9" * 400,
        "1e999",
        "1.0e+999",
        ".inf",
        ".nan",
        "-1",
        "0x10",
        "1_",
        "1e6",
        "~",
        "true",
    ],
)
@pytest.mark.parametrize(
    "key",
    [
        "resources.workers",
        "resources.memory_per_worker",
        "timeouts.run",
        "retries.backoff",
        "priority",
    ],
)
def test_a_number_beyond_all_reason_is_a_complaint_and_no_crash(key: str, value: str) -> None:
    section, _, last = key.rpartition(".")
    line = f"{section}: {{{last}: {value}}}" if section else f"{last}: {value}"
    result = outcome(lambda: parse(f"entrypoint: a.py\n{line}\n"))
    if isinstance(result, str):
        assert f": {key}: " in result
    else:  # null is a way to write "none"
        assert value == "~"


def test_aliases_cannot_make_a_small_file_large() -> None:
    laughs = "a: &a [x, x]\n" + "".join(
        f"b{n}: &b{n} [{', '.join(['*a'] * 9)}]\n" for n in range(50)
    )
    (line,) = complaints(laughs)
    assert line.startswith("job.yaml:1:4: &a: anchors and aliases are not read here; ")


@given(st.text(max_size=200))
def test_any_text_is_a_spec_or_a_complaint(text: str) -> None:
    result = outcome(lambda: parse(text))
    assert isinstance(result, JobSpec) or result.startswith("job.yaml:")


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["entrypoint", "resources", "env", "workers", "timeouts", "run", "x"])
        | st.text(), inner),
))  # fmt: skip
def test_any_data_of_a_request_is_a_spec_or_a_complaint(data: object) -> None:
    result = outcome(lambda: spec_from_data(data))
    assert isinstance(result, JobSpec) or result.startswith("spec: ")


def test_a_spec_survives_its_way_through_json() -> None:
    spec = parse("entrypoint: [a.py, 1]\nresources: {workers: 2, memory_per_worker: 1GiB}\n"
                 "timeouts: {run: 1h}\nenv: {A: 1}")  # fmt: skip
    assert spec_from_data(spec.model_dump(mode="json")) == spec


def test_complaints_about_data_name_the_keys() -> None:
    with pytest.raises(SpecError) as caught:
        spec_from_data({"entrypoint": "a.py", "resources": {"workers": 0}})
    assert str(caught.value) == "spec: resources.workers: must be a whole number from 1, not 0"


def test_bytes_before_yaml_that_editors_leave_are_read(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    file = tmp_path / "job.yaml"
    file.write_bytes(codecs.BOM_UTF8 + b"entrypoint: train.py\r\nname: a\r\n")
    assert load_spec(file).name == "a"
