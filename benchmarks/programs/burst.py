"""Rank 0 trains and counts its steps; rank 1 writes lines meanwhile: out, into a file, nowhere.

burst.py FOLDER {output,file,nothing} SECONDS BYTES_A_SECOND
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

LINE = 100
"""Bytes of a line; a byte's place says in which line it stands."""
_AT_ONCE = 5000
"""Lines."""
_WARM_UP_S = 1.0


def main() -> None:
    folder, to, seconds, rate = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    if os.environ["RANK"] == "0":
        while not (folder / "begun").exists():
            time.sleep(0.01)
        time.sleep(_WARM_UP_S)
        _tell(folder / "trained", {"steps_per_s": _train(seconds - 2 * _WARM_UP_S)})
    else:
        (folder / "begun").touch()
        _tell(folder / "wrote", _write(to, folder / "beside", seconds, rate))


def _train(seconds: float) -> float:
    begun, steps, weights = time.monotonic(), 0, [0.0] * 100
    while (took := time.monotonic() - begun) < seconds:
        for index in range(20_000):
            weights[index % 100] += index * 1e-9
        steps += 1
    return steps / took


def _write(to: str, beside: Path, seconds: float, rate: int) -> dict[str, float]:
    if to == "nothing":
        time.sleep(seconds)
        return {"bytes": 0, "slowest_s": 0}
    body = b"x" * (LINE - 11)
    descriptor = (
        sys.stdout.fileno() if to == "output" else os.open(beside, os.O_CREAT | os.O_WRONLY)
    )
    begun, line, slowest = time.monotonic(), 0, 0.0
    while (now := time.monotonic()) - begun < seconds:
        ahead = line * LINE / rate - (now - begun)
        if ahead > 0:
            time.sleep(ahead)
        data = b"".join(b"%09d %s\n" % (line + n, body) for n in range(_AT_ONCE))
        before = time.monotonic()
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        slowest = max(slowest, time.monotonic() - before)
        line += _AT_ONCE
    took = time.monotonic() - begun
    return {"bytes": line * LINE, "slowest_s": slowest, "seconds": took}


def _tell(file: Path, data: object) -> None:
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps(data))
    unfinished.rename(file)


if __name__ == "__main__":
    main()
