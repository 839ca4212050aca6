"""What `launcher.train.keras.Callback` does, for Keras 3 and for legacy Keras alike.

Where a training stands is its fit (a program may call `fit` several times), the epoch to go on
with, and the batches of it that are done. `fit` begins every epoch at its first batch, so those
that are done are drawn from the data once more, in the same order, and not trained.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launcher.train import _keras_state as state
from launcher.train.checkpoints import checkpoint
from launcher.train.notices import warn
from launcher.train.place import rank, resume_from
from launcher.train.reports import report
from launcher.train.stopping import should_stop

_fits = itertools.count(1)
"""The calls of `fit` in this process; a resumed program makes the same ones again."""


class Following:
    """Reports, checkpoints, resume and stop, as methods that Keras calls; see `Callback`."""

    params: dict[str, Any]
    model: Any
    """Asking for it in the middle of an epoch costs a copy of all weights on jax."""
    _model: Any
    """The same, without."""
    _was_stopped = False
    """In this process, by any of us: no later `fit` may train, or save over what the stop saved."""

    def __init__(self, every: int, save_every: int, *, is_legacy: bool, all_save: bool) -> None:
        """Keep the settings.

        Args:
            every: as for `Callback`.
            save_every: as for `Callback`.
            is_legacy: the model is of legacy Keras.
            all_save: reading the weights is an act of all workers together, as on jax.
        """
        for name, value in (("every", every), ("save_every", save_every)):
            if value < 0:
                raise ValueError(f"{name} is 0 or more, not {value}")
        self._every, self._save_every = every, save_every
        self._is_legacy, self._all_save = is_legacy, all_save
        self._fit = 0
        self._epoch = 0
        self._batches = self._epoch_batches = 0
        """Batches trained in all: now, and when the epoch began."""
        self._passed = 0
        """Batches of this epoch that were trained before the attempt began."""
        self._total_steps: int | None = None
        self._random: dict[str, Any] = {}
        """The state of chance when the epoch began, which the order of its data follows from."""
        self._resumed: tuple[Path, dict[str, Any]] | None = None
        self._unsaved: int | None = None
        """The epoch that ended last, until it is saved."""

    # --- as Keras calls them ----------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - contract
        self._fit = next(_fits)
        self._unsaved = None
        self._batches = state.whole(self.model.optimizer.iterations) * self._batches_a_step
        if Following._was_stopped:
            self._begin_at(self.params["epochs"])
        else:
            self._resume()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - contract
        self._epoch, self._passed = epoch, 0
        if self._resumed is not None:
            self._go_on(*self._resumed)
            self._resumed = None
        self._random = state.random_state()
        self._epoch_batches = self._batches - self._passed
        steps = self.params.get("steps")
        if steps:
            whole = self._epoch_batches + (self.params["epochs"] - epoch) * steps
            self._total_steps = whole // self._batches_a_step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done = batch + 1
        if done <= self._passed:
            return
        self._batches = self._epoch_batches + done
        is_step = self._every and self._step % self._every == 0
        if is_step and done != self.params.get("steps"):  # of the last, the epoch's logs tell
            self._report(logs)
        if should_stop():
            self._save(self._epoch, done, {})
            Following._was_stopped = True
            self._model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if Following._was_stopped:
            return
        self._report(logs)
        self._unsaved = epoch
        if self._save_every and (epoch + 1) % self._save_every == 0:
            self._save_epoch(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._begin_at(None)
        if self._save_every and not Following._was_stopped:
            self._save_epoch(logs)

    # --- telling and saving -----------------------------------------------------------------------

    @property
    def _batches_a_step(self) -> int:
        return getattr(self._model.optimizer, "gradient_accumulation_steps", None) or 1

    @property
    def _step(self) -> int:
        return self._batches // self._batches_a_step

    def _report(self, logs: dict[str, Any] | None) -> None:
        if rank() == 0 and logs:
            ours = ("step", "total_steps")
            figures = {name: value for name, value in logs.items() if name not in ours}
            report(step=self._step, total_steps=self._total_steps, **figures)

    def _save_epoch(self, logs: dict[str, Any] | None) -> None:
        if self._unsaved is not None:
            self._save(self._unsaved + 1, 0, logs or {})
            self._unsaved = None

    def _save(self, epoch: int, batch: int, metrics: dict[str, Any]) -> None:
        if rank() > 0 and not self._all_save:
            return
        chance = {"begin": self._random, "now": state.random_state()} if batch else {}
        place = {
            "fit": self._fit,
            "epoch": epoch,
            "batch": batch,
            "batches": self._batches,
            "random": chance or {"begin": state.random_state()},
        }
        try:
            with checkpoint(self._step, metrics) as folder:
                state.save(self.model, folder, place, within_epoch=batch > 0)
        except Exception as error:
            # A full disk must not end a training that may still save the next one.
            warn(f"the checkpoint of step {self._step} was not kept: {error}")

    # --- going on ---------------------------------------------------------------------------------

    def _resume(self) -> None:
        folder = resume_from()
        place = state.place_of(folder) if folder is not None else None
        if folder is None or place is None:
            if folder is not None and self._fit == 1:
                warn(f"the checkpoint {folder} is not of this Callback; the program resumes itself")
            return
        if place["fit"] > self._fit:
            warn(f"fit number {self._fit} was done before the checkpoint was saved; passed over")
            self._begin_at(self.params["epochs"])
        elif place["fit"] == self._fit:
            state.load(self.model, folder)
            self._batches = place["batches"]
            self._resumed = (folder, place)
            self._begin_at(place["epoch"])

    def _begin_at(self, epoch: int | None) -> None:
        """Have `fit` begin with an epoch, by the way that Keras made for BackupAndRestore."""
        attribute = "_training_state" if self._is_legacy else "_initial_epoch"
        if not hasattr(self._model, attribute):
            raise RuntimeError(
                f"this version of Keras cannot be told to begin with epoch {epoch}: give fit()"
                f" initial_epoch={epoch}, or use a version that docs/keras.md names"
            )
        is_object = self._is_legacy and epoch is not None
        setattr(self._model, attribute, _LegacyCounters(epoch) if is_object else epoch)

    def _go_on(self, folder: Path, place: dict[str, Any]) -> None:
        state.set_random_state(place["random"]["begin"])
        if place["batch"]:
            self._passed = place["batch"]
            logs = state.load_metrics(self.model, folder)
            _pass_over(self._model, self._passed, logs, lambda: _restore_now(place))


class _LegacyCounters:
    """What legacy Keras asks for the epoch and the step to begin with."""

    def __init__(self, epoch: int | None) -> None:
        self._epoch = epoch

    def maybe_load_initial_counters_from_ckpt(self, *_: Any, **__: Any) -> tuple[int | None, int]:
        return self._epoch, 0


def _restore_now(place: dict[str, Any]) -> None:
    state.set_random_state(place["random"]["now"])


def _pass_over(model: Any, batches: int, logs: dict[str, Any], then: Callable[[], None]) -> None:
    """Draw the next batches without training them, then train as before."""
    train_function = model.train_function
    a_call = state.whole(getattr(model, "steps_per_execution", None) or 1)
    calls_left = batches // a_call

    def passing(*arguments: Any) -> Any:
        nonlocal calls_left
        data = arguments[-1]
        if hasattr(data, "__next__"):  # on torch it is the batch itself
            for _ in range(a_call):
                next(data)
        calls_left -= 1
        if calls_left == 0:
            model.train_function = train_function
            then()
        is_stateless = len(arguments) == 2  # jax: weights go in and come out
        return (logs, arguments[0]) if is_stateless else logs

    model.train_function = passing
