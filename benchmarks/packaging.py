"""Seconds from a folder of 10,000 files, 500 MB, to its package on the server: new and unchanged.

"Beyond hashing" is without the seconds in which one process reads and hashes the same files, once
for the client and once for the server, which verifies what it is sent; hashing stands beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import Section, interleaved, rounds_parser, say, spread, wait_until

from launcher.server.process import running_server
from launcher.spec.judge import spec_from_data
from launcher.transport import Connection
from launcher.upload import send_workdir

FOLDERS, FILES, SIZE_BYTES = 100, 100, 50_000
SETTLED_S = 2.5
"""What was touched more lately is not believed to be unchanged."""


@dataclass(frozen=True)
class Cost:
    """In seconds; `cpu`: of the client alone."""

    wall: float
    cpu: float


def main() -> None:
    args = rounds_parser(__doc__).parse_args()
    section = Section("Packaging 10,000 files of 50 kB", rounds=args.rounds)
    with tempfile.TemporaryDirectory(prefix="launcher-bench-") as folder:
        root = Path(folder)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")
        say("writing the files")
        workdir = _fill(root / "work")
        with _server(root / "state") as connection:
            spec = spec_from_data({"entrypoint": "f0.py", "workdir": str(workdir)})
            numbers = iter(range(10**6))

            def new() -> Cost:
                # One other byte makes another package.
                (workdir / "f0.py").write_text(f"print({next(numbers)})\n")
                time.sleep(SETTLED_S)
                return _timed(lambda: send_workdir(connection, "/api/v1/packages", spec))

            def unchanged() -> Cost:
                return _timed(lambda: send_workdir(connection, "/api/v1/packages", spec))

            variants = {"hash": lambda: _timed(lambda: _hash_all(workdir)), "new": new}
            results = interleaved(args.rounds, variants | {"unchanged": unchanged})
    hashing = results["hash"]
    beyond = [
        one.wall - 2 * hashed.wall for one, hashed in zip(results["new"], hashing, strict=True)
    ]
    section.table(
        ["submit sends", "in all", "the client's CPU", "beyond hashing", "goal"],
        [
            ["a folder that the server lacks", *_figures(results["new"]), spread(beyond), "≤ 2 s"],
            ["one that did not change", *_figures(results["unchanged"]), "the same", "≤ 0.5 s"],
        ],
    )
    wall, cpu = _figures(hashing)
    section.note(f"Reading and hashing the files once: {wall}, CPU {cpu}.")
    section.print()


def _fill(workdir: Path) -> Path:
    contents = random.Random(0)
    for folder in range(FOLDERS):
        (workdir / f"d{folder}").mkdir(parents=True)
        for file in range(FILES):
            (workdir / f"d{folder}" / f"f{file}").write_bytes(contents.randbytes(SIZE_BYTES))
    (workdir / ".gitignore").write_text("*.ckpt\n__pycache__/\n/data/\n*.log\n")
    return workdir


@contextlib.contextmanager
def _server(state: Path) -> Iterator[Connection]:
    """A server without a cluster, and a connection to it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher", "server", "--state-dir", str(state)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = wait_until(lambda: running_server(state), "an answer of the server")
        token = (state / "token").read_text().strip()
        with contextlib.closing(Connection(url, token)) as connection:
            yield connection
    finally:
        process.terminate()
        process.wait()


def _hash_all(workdir: Path) -> str:
    digest = hashlib.sha256()
    for folder, _, names in os.walk(workdir):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:  # noqa: PTH118, PTH123 - no detours
                digest.update(file.read())
    return digest.hexdigest()


def _timed(deed: Callable[[], object]) -> Cost:
    begun, cpu = time.perf_counter(), time.process_time()
    deed()
    return Cost(time.perf_counter() - begun, time.process_time() - cpu)


def _figures(costs: Sequence[Cost]) -> tuple[str, str]:
    return spread([cost.wall for cost in costs]), spread([cost.cpu for cost in costs])


if __name__ == "__main__":
    main()
