"""Curves of jobs as TensorBoard's event files, written with tensorboard's own record writer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from launcher.model.metric import MetricPoint

_MOST_RUNS = 500
"""Files that are open at once: attempts and ranks of all jobs."""


class EventFiles:
    """A folder of runs, `JOB/attempt-N`, to which points are added by several threads.

    Points of other ranks than 0 stand in runs of their own below, as `JOB/attempt-1/rank-2`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()
        self._open = ExitStack()
        self._writers: dict[Path, RecordWriter] = {}

    def add(self, job: str, points: Iterable[MetricPoint]) -> None:
        """Append the points; they can be read when this returns."""
        with self._turn:
            touched = set()
            for point in points:
                writer = self._writer(self._run(job, point))
                if writer is None:
                    continue
                event = Event(wall_time=point.time, step=point.step)
                event.summary.value.add(tag=point.name, simple_value=point.value)
                writer.write(event.SerializeToString())
                touched.add(writer)
            for writer in touched:
                writer.flush()

    def close(self) -> None:
        with self._turn:
            self._open.close()
            self._writers.clear()

    def _run(self, job: str, point: MetricPoint) -> Path:
        run = self._folder / job / f"attempt-{point.attempt}"
        return run / f"rank-{point.rank}" if point.rank else run

    def _writer(self, run: Path) -> RecordWriter | None:
        known = self._writers.get(run)
        if known is None and len(self._writers) < _MOST_RUNS:
            run.mkdir(parents=True, exist_ok=True)
            file = (run / f"events.out.tfevents.0.launcher.{os.getpid()}").open("wb")
            known = self._writers[run] = RecordWriter(self._open.enter_context(file))
            known.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
        return known
