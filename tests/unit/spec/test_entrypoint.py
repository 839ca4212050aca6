import pytest

from launcher.model.launch import Entrypoint
from launcher.spec.entrypoint import is_python, parse_entrypoint, program_name
from launcher.spec.values import WrongValueError

TRAIN = ("train.py", "--epochs", "5")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("train.py --epochs 5", Entrypoint("script", TRAIN)),
        ("python train.py --epochs 5", Entrypoint("script", TRAIN)),
        ("python3 -u train.py --epochs 5", Entrypoint("script", TRAIN, ("-u",))),
        ("train.py \\\n  --epochs 5\n", Entrypoint("script", TRAIN)),
        (["train.py", "--epochs", "5"], Entrypoint("script", TRAIN)),
        (
            "python -X dev -Wignore -W error train.py",
            Entrypoint("script", ("train.py",), ("-X", "dev", "-Wignore", "-W", "error")),
        ),
        ("-m pkg.train --lr 0.1", Entrypoint("module", ("pkg.train", "--lr", "0.1"))),
        ("python -m pkg.train", Entrypoint("module", ("pkg.train",))),
        ("python -u -m pkg.train", Entrypoint("module", ("pkg.train",), ("-u",))),
        ("src/train.py 'a b' \"c\"", Entrypoint("script", ("src/train.py", "a b", "c"))),
        ("./train.py '$HOME' '*' '|'", Entrypoint("script", ("./train.py", "$HOME", "*", "|"))),
        (["train.py", "$HOME", "|"], Entrypoint("script", ("train.py", "$HOME", "|"))),
        ("train.py 5$ a;b x|y", Entrypoint("script", ("train.py", "5$", "a;b", "x|y"))),
        ("train.py --model torchrun", Entrypoint("script", ("train.py", "--model", "torchrun"))),
    ],
)  # fmt: skip
def test_a_python_program_is_read_as_its_author_runs_it(
    written: str | list[str], meant: Entrypoint
) -> None:
    assert parse_entrypoint(written, "pytorch") == meant


@pytest.mark.parametrize("text", ["make train", "set -x\ncd src\n./run.sh | tee log\n", "echo $A"])
def test_the_text_of_a_command_is_left_to_the_shell(text: str) -> None:
    program = parse_entrypoint(text, "command")
    assert program == Entrypoint("shell", (text,))
    assert program.command("python") == ["bash", "-e", "-c", text]


def test_the_list_of_a_command_is_executed_as_it_is() -> None:
    program = parse_entrypoint(["./run.sh", "$HOME"], "command")
    assert program.command("python") == ["./run.sh", "$HOME"]


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("torchrun --nproc_per_node 4 train.py -x", "train.py -x and resources: {workers: 4}"),
        (
            "torchrun --nnodes=3 --nproc-per-node=4 --max-restarts 2 -m a.b",
            "-m a.b, retries: {max: 2} and resources: {workers: 12, nodes: 3}",
        ),
        ("accelerate  launch --num_processes=2 t.py", "t.py and resources: {workers: 2}"),
        ("deepspeed", "entrypoint: train.py ARGUMENTS and resources: {workers: N, gpus_per_worker"),
        ("torchrun \\\n --nproc-per-node 2 \\\n t.py", "t.py and resources: {workers: 2}"),
    ],
)
@pytest.mark.parametrize("framework", ["pytorch", "command"])
def test_the_line_of_another_launcher_within_a_script_is_answered_with_ours(
    line: str, advice: str, framework: str
) -> None:
    with pytest.raises(WrongValueError) as caught:
        parse_entrypoint(line, framework)
    assert advice in str(caught.value)
    assert ("framework: pytorch" in str(caught.value)) == (framework == "command")


@pytest.mark.parametrize(
    "line",
    [
        "train.py && eval.py",
        "train.py; echo done",
        "train.py > log",
        "train.py 2>&1",
        "train.py 2> errors",
        "train.py &",
        "train.py ~/data",
        "train.py `hostname`",
        "train.py $(hostname)",
        'train.py "${A}"',
        "train.py data/*.csv",
    ],
)
def test_words_that_only_a_shell_understands_are_refused(line: str) -> None:
    with pytest.raises(WrongValueError, match="no shell reads this line"):
        parse_entrypoint(line, "pytorch")


@pytest.mark.parametrize(
    "line",
    ["", "python", "python -u", "-m", "python -m", "-m 1a", "/abs/train.py", "python --x a.py"],
)
def test_a_line_without_a_program_is_refused(line: str) -> None:
    with pytest.raises(WrongValueError):
        parse_entrypoint(line, "pytorch")


@pytest.mark.parametrize(
    ("written", "framework", "name"),
    [
        ("src/train.py", "pytorch", "train"),
        ("-m pkg.train_ddp", "pytorch", "train_ddp"),
        ("a && b", "command", "command"),
        (["./run.sh"], "command", "run"),
    ],
)
def test_a_job_is_called_after_its_program(
    written: str | list[str], framework: str, name: str
) -> None:
    assert program_name(parse_entrypoint(written, framework)) == name


@pytest.mark.parametrize(
    ("argv", "python"),
    [
        (["train.py"], True),
        (["python", "x"], True),
        (["/opt/bin/python3.12", "x.py"], True),
        (["-m", "pkg"], True),
        (["make", "train.py"], False),
        (["pythonic"], False),
    ],
)
def test_a_command_line_is_recognised_as_python(argv: list[str], python: bool) -> None:
    assert is_python(argv) == python
