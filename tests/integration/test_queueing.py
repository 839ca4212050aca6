"""Jobs that wait for others, and arrays, through the whole path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stack import Stack

from launcher.spec.judge import spec_from_data

TELL = """
import json, os, pathlib, sys, time
own = {name: text for name, text in os.environ.items() if name.startswith("LAUNCHER_ARRAY_")}
print(json.dumps(own), flush=True)
"""


def test_an_array_runs_at_most_so_many_at_once_and_a_job_waits_for_all_of_it(
    stack: Stack, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "tell.py").write_text(TELL)
    (folder / "sum.py").write_text("print('all are there')\n")
    spec = {
        "name": "sweep",
        "workdir": str(folder),
        "framework": "command",
        "python": {"interpreter": sys.executable},
        "resources": {"workers": 1},
    }
    first = stack.client.submit(
        spec_from_data(spec | {"entrypoint": [sys.executable, "tell.py"], "array": "3-5%1"}),
        hold=True,
    ).job
    array = first.array_id
    elements = [f"{array}-{index}" for index in range(3, 6)]
    last = stack.submit_view(
        spec | {"name": "gather", "entrypoint": [sys.executable, "sum.py"], "after": [array]}
    )
    stack.submitted += elements
    assert stack.client.job(last.id).reason == f"waits for {array} to succeed"

    assert [one.job for one in stack.client.set_limit([array], 2)] == elements
    assert [one.state for one in stack.client.release([array])] == ["QUEUED"] * 3
    stack.wait(last.id, "SUCCEEDED")
    for index, element in zip(range(3, 6), elements, strict=True):
        assert json.loads(stack.log(element)) == {
            "LAUNCHER_ARRAY_ID": array,
            "LAUNCHER_ARRAY_INDEX": str(index),
            "LAUNCHER_ARRAY_COUNT": "3",
        }
    lives = [stack.client.job(element).attempt for element in elements]
    spans = [(life.granted_at, life.ended_at) for life in lives if life and life.granted_at]
    for begun, _ in spans:
        at_once = [1 for start, end in spans if start <= begun < (end or begun)]
        assert len(at_once) <= 2
    told = [event.text for event in stack.client.events(elements[2]) if event.kind == "limit"]
    assert [text.rpartition(" by ")[0] for text in told] == [
        f"limit of {array} changed from 1 to 2"
    ]
    assert stack.log(last.id) == b"all are there\n"
    begun = stack.client.job(last.id).attempt
    assert begun is not None
    assert begun.granted_at is not None
    assert all((end or 0) <= begun.granted_at for _, end in spans)
    stack.assert_nothing_is_left()
