"""What the Keras callback decides, with a model of plain Python; tests/frameworks has real ones."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from launcher.train import _keras_callback as callback
from launcher.train import _keras_state as state


class Model:
    """As much of Keras's model as the callback touches."""

    def __init__(self, accumulation: int | None = None) -> None:
        self.optimizer = SimpleNamespace(
            iterations=0, gradient_accumulation_steps=accumulation, built=True, variables=[]
        )
        self._initial_epoch: int | None = None
        self.stop_training = False
        self.weights: list[Any] = []
        self.variables: list[Any] = []
        self.metrics: list[Any] = []
        self.trained: list[Any] = []
        self.train_function = self.trained.append

    def save_weights(self, path: str) -> None:
        Path(path).write_text("weights")

    def load_weights(self, path: str) -> None:
        assert Path(path).read_text() == "weights"

    def fit(self, following: Following, *, epochs: int, steps: int) -> None:
        """The order in which Keras calls a callback."""
        following.params = {"epochs": epochs, "steps": steps}
        self.stop_training = False
        following.on_train_begin()
        for epoch in range(self._initial_epoch or 0, epochs):
            following.on_epoch_begin(epoch)
            for batch in range(steps):
                self.train_function((epoch, batch))
                following.on_train_batch_end(batch, {"loss": 1.0})
                if self.stop_training:
                    break
            following.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.7})
            if self.stop_training:
                break
        following.on_train_end({"loss": 0.5})


class Following(callback.Following):
    def __init__(self, model: Model, every: int = 1, save_every: int = 1) -> None:
        super().__init__(every, save_every, is_legacy=False, all_save=False)
        self.model = self._model = model


class Job:
    """One process of a job."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, resume: Path | None) -> None:
        self.points: list[tuple[int, int | None, dict[str, float]]] = []
        self.stop_at = 0
        self._calls = 0
        self._folder = folder
        monkeypatch.setattr(callback, "report", self._report)
        monkeypatch.setattr(callback, "should_stop", self._should_stop)
        monkeypatch.setattr(callback, "_fits", itertools.count(1))
        monkeypatch.setattr(callback.Following, "_was_stopped", False)
        monkeypatch.setenv("LAUNCHER_CHECKPOINT_DIR", str(folder))
        if resume:
            monkeypatch.setenv("LAUNCHER_RESUME_FROM", str(resume))

    def _report(self, step: int, total_steps: int | None, **figures: float) -> None:
        self.points.append((step, total_steps, figures))

    def _should_stop(self) -> bool:
        self._calls += 1
        return self._calls == self.stop_at

    @property
    def steps(self) -> list[int]:
        return [step for step, _, _ in self.points]

    @property
    def saved(self) -> list[int]:
        return sorted(int(path.name[len("step-") :]) for path in self._folder.glob("step-*"))


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    monkeypatch.delenv("LAUNCHER_RESUME_FROM", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    return Job(monkeypatch, tmp_path / "saved", None)


def test_steps_are_reported_once_and_the_last_of_an_epoch_with_its_logs(job: Job) -> None:
    model = Model()
    model.fit(Following(model), epochs=2, steps=3)
    assert job.steps == [1, 2, 3, 4, 5, 6]
    assert {total for _, total, _ in job.points} == {6}
    assert [step for step, _, figures in job.points if "val_loss" in figures] == [3, 6]
    assert job.saved == [3, 6]


@pytest.mark.parametrize(("every", "steps"), [(2, [2, 4, 5, 6, 8, 10]), (0, [5, 10])])
def test_every_thins_the_steps_but_not_the_epochs(job: Job, every: int, steps: list[int]) -> None:
    model = Model()
    model.fit(Following(model, every=every), epochs=2, steps=5)
    assert job.steps == steps


@pytest.mark.parametrize(("save_every", "saved"), [(1, [2, 4, 6]), (2, [4, 6]), (0, [])])
def test_the_last_epoch_is_saved_in_any_case(job: Job, save_every: int, saved: list[int]) -> None:
    model = Model()
    model.fit(Following(model, save_every=save_every), epochs=3, steps=2)
    assert job.saved == saved


def test_accumulated_batches_are_one_step(job: Job) -> None:
    model = Model(accumulation=2)
    model.fit(Following(model, every=0), epochs=2, steps=4)
    assert [(step, total) for step, total, _ in job.points] == [(2, 4), (4, 4)]


def test_a_stop_saves_in_the_middle_of_the_epoch_and_nothing_after_it(job: Job) -> None:
    model, again = Model(), Model()
    job.stop_at = 5
    model.fit(Following(model), epochs=2, steps=3)
    assert job.steps == [1, 2, 3, 4, 5]
    assert job.saved == [3, 5]
    again.fit(Following(again), epochs=2, steps=3)
    assert again.trained == []
    assert job.saved == [3, 5]


def test_a_resumed_training_passes_over_what_is_done(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier, stopped = Model(), Model()
    job.stop_at = 6 + 4
    earlier.fit(Following(earlier), epochs=2, steps=3)
    stopped.fit(Following(stopped), epochs=2, steps=3)

    second = Job(monkeypatch, tmp_path / "second", tmp_path / "saved" / "step-0000000004")
    earlier, resumed = Model(), Model()
    earlier.fit(Following(earlier), epochs=2, steps=3)
    assert earlier.trained == []
    assert "fit number 1 was done before" in capsys.readouterr().err
    resumed.fit(Following(resumed), epochs=2, steps=3)
    assert resumed.trained == [(1, 1), (1, 2)]
    assert second.steps == [5, 6]
    assert resumed._initial_epoch is None  # a later fit begins at its own beginning


def test_a_checkpoint_of_other_means_is_left_to_the_program(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAUNCHER_RESUME_FROM", str(tmp_path))
    model = Model()
    model.fit(Following(model), epochs=1, steps=2)
    assert len(model.trained) == 2
    assert "is not of this Callback" in capsys.readouterr().err


def test_a_checkpoint_that_does_not_fit_is_told_in_words(
    job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = Model()
    model.fit(Following(model), epochs=1, steps=2)
    saved = tmp_path / "saved" / "step-0000000002"
    (saved / state.WEIGHTS).write_text("others")
    Job(monkeypatch, tmp_path / "second", saved)
    with pytest.raises(RuntimeError, match="does not fit the model: submit the program as a new"):
        model.fit(Following(model), epochs=1, steps=2)


def test_a_full_disk_costs_a_checkpoint_and_not_the_training(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(Model):
        def save_weights(self, path: str) -> None:
            raise OSError(28, "No space left on device", path)

    model = Full()
    model.fit(Following(model), epochs=1, steps=2)
    assert job.saved == []
    assert "the checkpoint of step 2 was not kept" in capsys.readouterr().err


def test_the_state_of_chance_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    import numpy as np

    before = json.loads(json.dumps(state.random_state()))
    drawn = (random.random(), np.random.rand())  # noqa: NPY002 - it is what Keras uses
    state.set_random_state(before)
    assert (random.random(), np.random.rand()) == drawn  # noqa: NPY002 - as above


def test_negative_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="every is 0 or more, not -1"):
        Following(Model(), every=-1)
