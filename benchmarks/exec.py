"""Wall time of `launcher exec JOB -- true`, of one keystroke in a shell, and MB/s through a pipe.

Beside a job of one rank that sleeps: what a busy rank takes from the agent is not measured here.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial

from embedded import LAUNCHER, Embedded, embedded
from measuring import Section, interleaved, rounds_parser, spread, wait_until

MEGABYTES = 100
KEYS = 40
GOAL_S = 1.0
GOAL_KEY_MS = 50


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("A command beside a rank", rounds=args.rounds)
    with embedded() as cluster:
        job = _begin(cluster)
        variants = {
            "launcher why JOB": partial(_run, [LAUNCHER, "why", job]),
            "launcher exec JOB -- true": partial(_run, [LAUNCHER, "exec", job, "--", "true"]),
            "out": partial(_out, job),
            "in": partial(_in, job),
        }
        results = interleaved(args.rounds, variants)
        keys = _keystrokes(job, args.rounds * KEYS)
        cluster.end(job)
    section.table(
        ["", "wall", "goal"],
        [
            [f"`{name}`", spread(results[name]), f"≤ {GOAL_S:g} s" if "exec" in name else ""]
            for name in ("launcher why JOB", "launcher exec JOB -- true")
        ]
        + [["a key in a shell, until its echo is here", spread(keys, "ms"), f"≤ {GOAL_KEY_MS} ms"]],
    )
    section.table(
        [f"{MEGABYTES} MB through a pipe", "rate"],
        [
            ["`launcher exec JOB -- head -c 100M /dev/zero`", spread(results["out"], "MB/s")],
            ["`… | launcher exec JOB -- wc -c`", spread(results["in"], "MB/s")],
        ],
    )
    section.note("`launcher why` is the price of any command: its python, and one request.")
    section.print()


def _begin(cluster: Embedded) -> str:
    spec = {"framework": "command", "entrypoint": ["sleep", "3600"]}
    job = cluster.submit("sleep", workers=1, **spec).id
    wait_until(lambda: cluster.client.job(job).state == "RUNNING" or None, "the rank")
    return job


def _run(words: Sequence[str], stdin: int = subprocess.DEVNULL) -> float:
    """Seconds from the spawn to the end; what it prints is read and thrown away."""
    begun = time.perf_counter()
    with subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while os.read(process.stdout.fileno(), 2**20):
            pass
    if process.returncode:
        sys.exit(f"{words} ended with {process.returncode}")
    return time.perf_counter() - begun


def _out(job: str) -> float:
    took_s = _run([LAUNCHER, "exec", job, "--", "head", "-c", f"{MEGABYTES}000000", "/dev/zero"])
    return MEGABYTES / took_s


def _in(job: str) -> float:
    zeros = ["head", "-c", f"{MEGABYTES}000000", "/dev/zero"]
    with subprocess.Popen(zeros, stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        took_s = _run([LAUNCHER, "exec", job, "--", "wc", "-c"], source.stdout.fileno())
    return MEGABYTES / took_s


def _keystrokes(job: str, count: int) -> list[float]:
    """Milliseconds from each key to its echo, in a shell that has nothing else to do."""
    ours, theirs = pty.openpty()
    # `cat` in a terminal: the echo is the terminal's own, as before a shell's prompt.
    words = [LAUNCHER, "exec", "-t", job, "--", "sh", "-c", "echo ready; exec cat > /dev/null"]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        shown = b""
        while b"ready" not in shown:
            shown += os.read(ours, 4096)
        found = [_keystroke(ours) for _ in range(count)]
        os.write(ours, b"\n\x04")
        process.wait(30)
    return found


def _keystroke(terminal: int) -> float:
    time.sleep(0.03)  # a fast typist
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 4096)
    begun = time.perf_counter()
    os.write(terminal, b"x")
    while b"x" not in os.read(terminal, 4096):
        pass
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    main()
