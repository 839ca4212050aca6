"""`launcher run` on a machine where nothing runs, to the first line of its program on the screen.

Server, executor and Ray are started on the way. Python, launcher and Ray are installed and were
used before, so that the files are in the kernel's cache.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from embedded import LAUNCHER, PROGRAMS, WORKERS, Embedded, fresh_state, log_lines
from marked import MarkedFolder, marked_folder
from measuring import Section, rounds_parser, say, spread

from launcher.client import Client

_STAGES = {
    "serving": "the server answers",
    "submitted": "it has the job",
    "session": "the executor has Ray, and the cluster is the server's",
    "granted": "the scheduler has granted it",
    "up": "its agents are up",
    "line": "first line of the program (last rank)",
    "shown": "that line is on the screen (first rank)",
}


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("Cold `launcher run` to its first log line", rounds=args.rounds)
    runs = []
    for number in range(1, args.rounds + 1):
        say(f"round {number}/{args.rounds}")
        with fresh_state() as state_dir, marked_folder() as marks:
            runs.append(run(state_dir, marks))
    section.table(["", "first log line"], [["`launcher run`", spread([r["shown"] for r in runs])]])
    section.stages(runs, _STAGES)
    section.print()


def run(state_dir: Path, marks: MarkedFolder) -> Mapping[str, float]:
    """Seconds from the command to each stage."""
    options = ["--workers", str(WORKERS), "--gpus-per-worker", "0", "--framework", "pytorch"]
    begun = time.time()
    process = subprocess.Popen(
        [LAUNCHER, "run", *options, "--", "hello.py", str(marks.path)],
        cwd=PROGRAMS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown = _first_line(process)
    process.communicate()
    client = Client()
    [job] = client.jobs()
    moments = Embedded(state_dir, client).moments(job.id)
    client.close()
    moments |= {
        "serving": _logged(state_dir / "server.log", "serving http"),
        "session": _logged(state_dir / "executor.log", "session 1"),
        "line": marks.last("line"),
        "shown": shown,
    }
    return {name: moment - begun for name, moment in moments.items()}


def _first_line(process: subprocess.Popen[str]) -> float:
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        if "hello from the program" in line:
            return time.time()
        told.append(line)
    sys.exit(f"the program said nothing:\n{''.join(told)}")


def _logged(log: Path, text: str) -> float:
    return next(moment for moment, line in log_lines(log) if text in line)


if __name__ == "__main__":
    main()
