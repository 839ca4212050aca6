"""Runs every benchmark and prints the section of docs/benchmarks.md: `run_all.py > section.md`.

Takes three quarters of an hour. On a machine that does something else, read README.md first.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from measuring import add_ray_option, machine_line, rounds_parser, say

SCRIPTS = ("start", "throughput", "report", "cli", "recovery", "watching", "memory")
SCRIPTS += ("packaging", "exec", "cold", "attach", "environments")
SCRIPTS += ("scheduler", "submits", "admits", "hundred_thousand", "many")
SCRIPTS += ("points", "charts", "followers")
BESIDE_RAY = ("start", "attach")


def main() -> None:
    parser = rounds_parser(__doc__, default=0)
    add_ray_option(parser)
    args = parser.parse_args()
    rounds = ["--rounds", str(args.rounds)] if args.rounds else []
    print(f"## {time.strftime('%Y-%m-%d')}\n\n{machine_line()}\n", flush=True)
    failed = []
    for name in SCRIPTS:
        say(name)
        script = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), *rounds]
        more = ["--ray-python", args.ray_python] if name in BESIDE_RAY else []
        if subprocess.run([*script, *more], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"these gave no figures: {', '.join(failed)}")


if __name__ == "__main__":
    main()
