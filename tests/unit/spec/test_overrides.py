import pytest

from launcher.errors import SpecError
from launcher.spec.jobspec import JobSpec
from launcher.spec.load import parse_spec

BASE = "entrypoint: train.py\nresources: {workers: 2, cpus_per_worker: 3}\n"


def parse(*overrides: str) -> JobSpec:
    return parse_spec(BASE, "job.yaml", overrides)


def complaint(*overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(*overrides)
    return str(caught.value)


def test_one_key_is_changed_and_its_neighbours_stay() -> None:
    spec = parse("resources.workers=4", "timeouts.run=2h")
    assert (spec.resources.workers, spec.resources.cpus_per_worker) == (4, 3)
    assert spec.timeouts.run == 7200


def test_the_last_word_on_a_key_counts() -> None:
    assert parse("priority=1", "priority=2").priority == 2


@pytest.mark.parametrize(
    ("override", "entrypoint"),
    [
        ("entrypoint=a.py --tag #1 --note x: y", "a.py --tag #1 --note x: y"),
        ("entrypoint=a.py --lr=0.1", "a.py --lr=0.1"),
        ("entrypoint=[a.py, --epochs, 5]", ("a.py", "--epochs", "5")),
        ("entrypoint='a.py x'", "a.py x"),
    ],
)
def test_a_plain_value_is_taken_whole_and_a_bracket_or_quote_opens_yaml(
    override: str, entrypoint: object
) -> None:
    assert parse(override).entrypoint == entrypoint


def test_a_whole_section_can_be_replaced() -> None:
    spec = parse("env={A: 1}", "env.B=2", "resources={gpus_per_worker: 1}")
    assert spec.env == {"A": "1", "B": "2"}
    assert (spec.resources.workers, spec.resources.gpus_per_worker) == (1, 1)


def test_null_goes_back_to_no_limit() -> None:
    assert parse("timeouts.run=1h", "timeouts.run=null").timeouts.run is None


def test_an_override_mends_what_is_wrong_in_the_file() -> None:
    text = "entrypoint: train.py\nresources: {workers: 0}\n"
    assert parse_spec(text, "job.yaml", ["resources.workers=1"]).resources.workers == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("resources.workers=0", "must be a whole number from 1, not 0"),
        ("resources.wrokers=4", "unknown key; did you mean resources.workers"),
        (
            "timeouts.hang=15m",
            "not in this version; timeouts.run ends a job that never ends by itself",
        ),
        ("workers=4", "unknown key; did you mean resources.workers"),
        ("env.A=on", 'on is a yes-or-no value to YAML, not text; quote it: "on"'),
        ("resources={workers: 0}", "resources.workers: must be a whole number from 1, not 0"),
        ("resources.workers", "expected key=value, as resources.workers=4"),
        ("resources..workers=1", "expected key=value, as resources.workers=4"),
        ("=1", "expected key=value, as resources.workers=4"),
        ("entrypoint.x=1", "entrypoint has no keys in it"),
        ("env=[A", "the list opened with [ in line 1 is not closed with ]"),
        ("env={A: !!set x}", "env.A: the tag !!set is not read here; remove it"),
    ],
)  # fmt: skip
def test_a_complaint_about_a_flag_repeats_the_flag(override: str, words: str) -> None:
    assert complaint(override) == f"--set {override}: {words}"


def test_complaints_about_the_file_come_before_those_about_flags() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec("entrypoint: a.py\nname: A\n", "job.yaml", ["priority=-1"])
    first, second = str(caught.value).splitlines()
    assert first.startswith("job.yaml:2:7: name: ")
    assert second.startswith("--set priority=-1: ")
