"""What `launcher show` says of a job's shape."""

from __future__ import annotations

import pytest

from launcher.cli.show import _facts
from launcher.views import JobNodeView, JobView


@pytest.mark.parametrize(
    ("ranks", "takes"),
    [
        ((), "4 x 1 CPU, tensorflow"),
        ((0,), "4 x 1 CPU, tensorflow, as one process"),
        ((0, 1, 2, 3), "4 x 1 CPU, tensorflow"),
    ],
)
def test_workers_that_are_one_process_are_called_so(ranks: tuple[int, ...], takes: str) -> None:
    nodes = (JobNodeView(0, "id-a", "a", ranks),) if ranks else ()
    job = JobView("a-1", "a", "RUNNING", workers=4, framework="tensorflow", nodes=nodes)
    assert dict(_facts(job, 0.0))["takes"] == takes
