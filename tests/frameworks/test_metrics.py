"""Programs that know nothing of us give curves, which TensorBoard shows."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from machine import wait_until
from stack import Stack

from launcher.views import Series

PROGRAMS = Path(__file__).parent / "programs"


def curves(stack: Stack, job: str) -> dict[str, Series]:
    return {curve.name: curve for curve in stack.client.metrics(job)}


def steps(curve: Series) -> list[int]:
    return [point[0] for point in curve.points]


@pytest.fixture
def job(stack: Stack) -> str:
    return stack.run(
        PROGRAMS / "keras_plain.py",
        entrypoint="train.py logs",
        framework="keras",
        keras={"backend": "torch"},
        workers=1,
        metrics={"tensorboard": "logs"},
    ).id


def test_a_keras_program_with_a_summary_writer_gives_curves_and_tensorboard_shows_them(
    stack: Stack, job: str, tmp_path: Path
) -> None:
    found = curves(stack, job)
    assert sorted(found) == [
        "accuracy", "eval_accuracy", "eval_loss", "loss", "train/epoch_loss", "val_accuracy",
        "val_loss",
    ]  # fmt: skip
    assert steps(found["val_loss"]) == [6, 12, 18]
    assert set(steps(found["loss"])) >= {6, 12, 18}
    assert steps(found["eval_loss"]) == [18]
    written = found["train/epoch_loss"].points
    assert [(step, time) for step, _, time, _ in written] == [(0, 1000.0), (1, 1001.0), (2, 1002.0)]
    last = {step: value for step, value, _, _ in found["loss"].points}
    # The bar rounds to four digits what the event file has whole.
    assert [last[step] for step in (6, 12, 18)] == pytest.approx(
        [value for _, value, _, _ in written], abs=1e-4
    )
    progress = stack.client.job(job).progress
    assert progress is not None
    assert (progress.step, progress.total_steps) == (18, 18)
    shown_in_tensorboard(stack, job, tmp_path)


def shown_in_tensorboard(stack: Stack, job: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    environment = {
        **os.environ,
        "LAUNCHER_SERVER": stack.url,
        "LAUNCHER_TOKEN": stack.token,
        "TMPDIR": str(folder),
    }
    shown = subprocess.Popen(
        [sys.executable, "-m", "launcher", "tensorboard", job, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wanted = {f"{job}/attempt-1": {"loss", "train/epoch_loss"}}
        wait_until(lambda: has_tags(port, wanted), "the curves in TensorBoard")
        shown.send_signal(signal.SIGINT)
        assert shown.wait(60) == 0
    finally:
        shown.kill()
        shown.wait()
    assert list(folder.glob("launcher-tensorboard-*")) == []


def has_tags(port: int, wanted: dict[str, set[str]]) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/data/plugin/scalars/tags", timeout=5
        ) as answer:
            tags: dict[str, Any] = json.load(answer)
    except OSError:
        return False
    return all(names <= set(tags.get(run, {})) for run, names in wanted.items())
