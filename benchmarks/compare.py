"""What the frameworks cost and give on one task: jobs/digits in all of them, side by side.

    python benchmarks/compare.py > docs/comparison.md

`make compare` does it. A framework that this Python has not is left out, and named.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from embedded import LAUNCHER, WORKERS, Embedded, embedded
from measuring import machine_line, say

from launcher.spec.load import load_spec

JOBS = Path(__file__).parents[1] / "jobs" / "digits"
FIRST_STEP = "to first step"
SHOWN = ("wall time", FIRST_STEP, "peak memory", "program lines", "test_accuracy")
COLD_STEP = "to first step, cold"
ROUNDS = 3
"""Of each the median warm start counts, by its wall time, beside one cold start."""
_TRIES = 6
_MODULES = {"pytorch": "torch", "tensorflow": "tensorflow", "horovod": "horovod", "jax": "jax"}


def main() -> None:
    specs = sorted(JOBS.glob("*.yaml"))
    missing = [spec.stem for spec in specs if not _is_there(spec)]
    cold, warm = [], []
    with embedded() as cluster:
        for spec in specs:
            if spec.stem not in missing:
                cold.append(_run(cluster, spec, "python.warm_start=false")[1])
                warm.append(_warm_run(cluster, spec))
        rows = json.loads(_launcher("compare", *warm, *cold, "-o", "json"))["rows"]
    print(_page(_table(rows, warm, cold), missing), end="")


def _table(rows: dict[str, dict[str, str]], warm: list[str], cold: list[str]) -> str:
    """What the page shows of it: keys of specs and steps of unequal length are left out."""
    names = [*SHOWN]
    names.insert(names.index(FIRST_STEP) + 1, COLD_STEP)
    lines = [["job", *names], ["---"] * (len(names) + 1)]
    for job, its_cold in zip(warm, cold, strict=True):
        row = {name: rows[name][job] for name in SHOWN} | {COLD_STEP: rows[FIRST_STEP][its_cold]}
        lines.append([job.rpartition("-")[0], *(row[name] for name in names)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _is_there(spec: Path) -> bool:
    read = load_spec(spec)
    wanted = [_MODULES.get(read.framework, read.framework)]
    if read.framework == "keras":
        wanted.append(read.keras.backend)
    return all(importlib.util.find_spec(_MODULES.get(name, name)) for name in wanted)


def _warm_run(cluster: Embedded, spec: Path) -> str:
    """The median of those that started warm; the first ones leave what the next start from."""
    runs: list[tuple[float, str]] = []
    for _ in range(_TRIES):
        run = _run(cluster, spec)
        if any(event.text.startswith("warm start") for event in cluster.client.events(run[1])):
            runs.append(run)
        if len(runs) == ROUNDS:
            return sorted(runs)[ROUNDS // 2][1]
    sys.exit(f"{spec.stem}: {len(runs)} of {_TRIES} runs started warm")


def _run(cluster: Embedded, spec: Path, *overrides: str) -> tuple[float, str]:
    """Seconds from submit to end, and the job."""
    say(spec.stem)
    given = [f"resources.workers={WORKERS}", "resources.gpus_per_worker=0", *overrides]
    read = load_spec(spec, given)
    job = cluster.await_end(cluster.client.submit(read, python=sys.executable).job.id)
    assert job.ended_at is not None
    return job.ended_at - job.submitted_at, job.id


def _launcher(*words: str) -> str:
    return subprocess.run([LAUNCHER, *words], capture_output=True, text=True, check=True).stdout


def _page(table: str, missing: list[str]) -> str:
    paragraphs = [
        "# One task in all frameworks",
        f"Made by `make compare` on {datetime.now(timezone.utc):%Y-%m-%d}; not written by hand.",
        _INTRODUCTION.format(workers=WORKERS, rounds=ROUNDS),
        machine_line(),
        table,
    ]
    if missing:
        paragraphs.append(f"Left out, as this Python lacks what they need: {', '.join(missing)}.")
    return "\n\n".join([*paragraphs, _WORDS])


_INTRODUCTION = (
    "[jobs/digits](../jobs/digits) is one network (64-128-10), one data set and one recipe, "
    "written as each framework's own users write it. {workers} workers on CPUs; of {rounds} [warm "
    "starts](warm-starts.md) the one with the median wall time."
)
_WORDS = """\
- *wall time*: from the start of the ranks to the end of the job; *to first step*: from the grant of
  its resources to the first figure that it printed or reported; *cold*: the same of one run that
  imported everything itself, as the first of its kind on a node does.
- *peak memory*: of the largest rank. With `mirrored` that is the whole training.
- *program lines*: code alone, with the files of the folder that it imports.
"""


if __name__ == "__main__":
    main()
