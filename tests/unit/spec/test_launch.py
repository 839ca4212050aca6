import subprocess
import sys
from pathlib import Path

import pytest

import launcher.spec
from launcher.errors import SpecError
from launcher.model.checkpoint import KeepBest
from launcher.model.launch import Entrypoint, Launch
from launcher.spec.launch import decide_gpus, to_launch
from launcher.spec.load import parse_spec
from launcher.spec.template import job_template

MODULES = sorted(file.stem for file in Path(launcher.spec.__path__[0]).glob("[!_]*.py"))


def test_a_spec_becomes_what_the_agents_need() -> None:
    spec = parse_spec(
        "name: digits\nentrypoint: python -u train.py --epochs 5\nenv: {A: 1}\n"
        "python: {interpreter: /opt/python}\nstop_signal: SIGUSR1\nretries: {max: 3}\n"
        "resources: {workers: 4, gpus_per_worker: 2, cpus_per_worker: 3}\n"
        "timeouts: {run: 12h, start: 5m, grace: 30s}\n",
        "job.yaml",
    )
    assert to_launch(spec, "digits-k3m9ap", "c0ffee") == Launch(
        job_id="digits-k3m9ap",
        name="digits",
        framework="pytorch",
        entrypoint=Entrypoint("script", ("train.py", "--epochs", "5"), ("-u",)),
        workers=4,
        gpus_per_worker=2,
        cpus_per_worker=3,
        env={"A": "1"},
        python="/opt/python",
        code="c0ffee",
        max_restarts=3,
        start_timeout_s=300,
        run_timeout_s=43200,
        grace_s=30,
        stop_signal="SIGUSR1",
    )


@pytest.mark.parametrize(
    ("keys", "strategy", "replicas"),
    [
        ("framework: tensorflow", "mirrored", 4),
        ("framework: tensorflow\ntensorflow: {strategy: multi_worker_mirrored}",
         "multi_worker_mirrored", 1),
        ("framework: keras", "tensorflow", 4),
        ("framework: keras\nkeras: {backend: torch}", "torch", 1),
        ("framework: keras\nkeras: {backend: jax}", "jax", 1),
        ("framework: jax", "", 1),
        ("framework: pytorch", "", 1),
    ],
)  # fmt: skip
def test_a_strategy_says_how_many_workers_are_one_process(
    keys: str, strategy: str, replicas: int
) -> None:
    text = f"{keys}\nentrypoint: a.py\nresources: {{workers: 4, gpus_per_worker: 0}}\n"
    launch = to_launch(parse_spec(text, "job.yaml"), "a-b2", "")
    assert (launch.strategy, launch.replicas_per_rank) == (strategy, replicas)


def test_what_is_watched_goes_to_the_agents_and_what_is_best_stays_with_the_server() -> None:
    spec = decide_gpus(
        parse_spec(
            "entrypoint: a.py\ncheckpoints:\n  watch: [a.pt, /mnt/b]\n  watch_per_node: true\n"
            "  keep_best: {metric: acc, mode: max, keep: 2}\n",
            "job.yaml",
        ),
        cluster_has_gpus=False,
    )
    launch = to_launch(spec, "a-b2", "")
    assert (launch.watch, launch.watch_per_node) == (("a.pt", "/mnt/b"), True)
    assert spec.checkpoints.keep_best.rule == KeepBest("acc", "max", 2)
    assert parse_spec("entrypoint: a.py", "job.yaml").checkpoints.keep_best.rule is None


@pytest.mark.parametrize(
    ("lines", "cluster_has_gpus", "gpus"),
    [
        ("entrypoint: a.py", True, 1),
        ("entrypoint: a.py", False, 0),
        ("entrypoint: make\nframework: command", True, 0),
        ("entrypoint: a.py\nresources: {gpus_per_worker: 0}", True, 0),
        ("entrypoint: make\nframework: command\nresources: {gpus_per_worker: 4}", False, 4),
    ],
)
def test_gpus_are_decided_by_spec_cluster_and_framework(
    lines: str, cluster_has_gpus: bool, gpus: int
) -> None:
    spec = decide_gpus(parse_spec(lines, "job.yaml"), cluster_has_gpus=cluster_has_gpus)
    assert to_launch(spec, "a-b2", "").gpus_per_worker == gpus


def test_a_launch_is_never_made_with_undecided_gpus() -> None:
    with pytest.raises(ValueError, match="decide_gpus"):
        to_launch(parse_spec("entrypoint: a.py", "job.yaml"), "a-b2", "")


@pytest.mark.parametrize(
    ("entrypoint", "framework"),
    [
        ("train.py", "pytorch"),
        ("'src/my train.py' --note 'x: y' #1", "pytorch"),
        ("-m pkg.train", "pytorch"),
        ("make train && ls *", "command"),
        ("true", "command"),
        ("12:30", "command"),
        ('echo "hello"', "command"),
    ],
)
def test_the_template_is_a_spec_of_its_program(entrypoint: str, framework: str) -> None:
    spec = parse_spec(job_template(entrypoint, framework), "job.yaml")
    assert (spec.entrypoint, spec.framework) == (entrypoint, framework)


def test_a_template_for_what_cannot_be_read_is_refused_in_whole_words() -> None:
    with pytest.raises(SpecError) as caught:
        job_template("train.py 'x")
    assert str(caught.value) == (
        'entrypoint: a quote in it is opened and never closed: "train.py \'x"'
    )


def test_every_commented_line_of_the_template_is_a_line_of_a_spec() -> None:
    lines = job_template().splitlines()[3:]
    opened = "\n".join(
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines
    )
    spec = parse_spec(opened, "job.yaml")
    assert spec.env == {"WANDB_MODE": "offline"}
    assert (spec.retries.max, spec.timeouts.run) == (3, 43200)
    assert spec.resources.memory_per_worker == 8 * 2**30


def test_no_module_of_the_spec_imports_what_a_light_client_lacks() -> None:
    code = (
        "import sys, importlib\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(f'launcher.spec.{name}')\n"
        "    heavy = {'ray', 'torch', 'fastapi', 'sqlalchemy', 'rich', 'numpy'} & {*sys.modules}\n"
        "    assert not heavy, (name, heavy)"
    )
    subprocess.run([sys.executable, "-c", code, *MODULES], check=True)
