"""Submit to first step, and steps a second, of each framework beside its bare way.

The same program, of two processes, as a job and as its users start it by hand.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import peers
import start
import throughput
from embedded import WORKERS, Embedded, embedded
from marked import MarkedFolder
from measuring import Section, interleaved, ratio, rounds_parser, say, spread
from peers import Command
from preload import COLD, left_by
from slices import in_all

_LOOPBACK = "127.0.0.1"
_WAYS = ("by hand", "cold", "warm")
_AS_IN_JOBS = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Framework:
    """One of them, as a job and by hand.

    Args:
        title: of its rows.
        bare: how it is started by hand, in words.
        imports: without which it is not measured.
        by_hand: starts it, given the python and the program's words.
        keys: of the spec, beside `framework`.
        name: the spec's.
        python: runs both.
    """

    title: str
    bare: str
    imports: str
    by_hand: Callable[[str, Sequence[str]], list[Command]]
    keys: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    python: str = sys.executable

    @property
    def program(self) -> str:
        return f"train_{self.name}.py"

    @property
    def all_keys(self) -> dict[str, Any]:
        other = {"python": {"interpreter": self.python}} if self.python != sys.executable else {}
        return {"framework": self.name, **self.keys, **other}

    def commands(self, marks: MarkedFolder, *options: str) -> list[Command]:
        return self.by_hand(self.python, [self.program, "--marks", str(marks.path), *options])


def main() -> None:
    parser = rounds_parser(__doc__)
    parser.add_argument("--only", default=",".join(FRAMEWORKS), help="default: %(default)s")
    parser.add_argument("--slices", type=int, default=20, help="of each; default: %(default)s")
    parser.add_argument(
        "--slice",
        type=float,
        default=1.5,
        help="seconds; TensorFlow bears no sleep over 10; default: %(default)s",
    )
    parser.add_argument(
        "--horovod-python",
        default=sys.executable,
        metavar="PYTHON",
        help="of an environment with Horovod and torch; default: this one",
    )
    args = parser.parse_args()
    if unknown := set(args.only.split(",")) - set(FRAMEWORKS):
        parser.error(f"not measured here: {', '.join(unknown)}; choose of {', '.join(FRAMEWORKS)}")
    pythons = {"horovod": args.horovod_python}
    starts = Section("Frameworks: submit to first step, 2 ranks, cluster up", rounds=args.rounds)
    rates = Section("Frameworks: steps a second, 2 ranks", rounds=args.slices)
    start_rows, rate_rows = [], []
    with embedded() as cluster:
        for name in args.only.split(","):
            say(name)
            one = replace(FRAMEWORKS[name], name=name, python=pythons.get(name, sys.executable))
            row = [one.title, one.bare]
            if lacks := peers.missing(one.python, one.imports):
                start_rows.append([*row, f"not measured: {lacks}", *[""] * 7])
                rate_rows.append([*row, f"not measured: {lacks}", "", "", ""])
                continue
            start_rows.append(row + _starts(cluster, one, args.rounds))
            rate_rows.append(row + _rates(cluster, one, args.slices, args.slice))
    lines = [f"first {mark}, {way}" for mark in ("line", "step") for way in _WAYS]
    starts.table(["", "by hand", *lines, "cold ÷ by hand", "warm ÷ by hand"], start_rows)
    starts.note("Of the last rank, from the command on. Goal: at most 1.1 x.")
    starts.print()
    rates.table(["", "by hand", "its", "launcher", "÷ by hand", "in all (95 %)"], rate_rows)
    rates.note(f"A round is a slice of {args.slice:g} s of each. Goal: at least 0.98 x.")
    rates.print()


def _starts(cluster: Embedded, one: Framework, rounds: int) -> list[str]:
    def job(**more: Any) -> start.Start:
        return start.launcher(cluster, one.program, **one.all_keys, **more)

    left_by(job, one.title)
    results = interleaved(
        rounds,
        {
            "warm": job,
            "cold": lambda: job(**COLD),
            "by hand": lambda: start.by_hand(one.commands),
        },
    )
    lines, steps = (
        {way: [run.moments[mark] for run in results[way]] for way in _WAYS}
        for mark in ("line", "step")
    )
    figures = [spread(moments[way]) for moments in (lines, steps) for way in _WAYS]
    return [*figures, *(ratio(steps[way], steps["by hand"]) for way in ("cold", "warm"))]


def _rates(cluster: Embedded, one: Framework, slices: int, slice_s: float) -> list[str]:
    def program(marks: MarkedFolder) -> list[str]:
        return [one.program, "--marks", str(marks.path), "--endless"]

    own, peer = throughput.measure(
        throughput.job(cluster, WORKERS, program, **one.all_keys),
        throughput.by_hand(lambda marks: one.commands(marks, "--endless"), WORKERS),
        rounds=slices,
        slice_s=slice_s,
    )
    return [spread(peer, "steps/s"), spread(own, "steps/s"), ratio(own, peer), in_all(own, peer)]


def _tensorflow(python: str, program: Sequence[str]) -> list[Command]:
    cluster = {"worker": [f"{_LOOPBACK}:{peers.free_port()}" for _ in range(WORKERS)]}
    tasks = [{"type": "worker", "index": rank} for rank in range(WORKERS)]
    configs = [json.dumps({"cluster": cluster, "task": task}) for task in tasks]
    return _each(python, program, [{"TF_CONFIG": config} for config in configs])


def _jax(python: str, program: Sequence[str]) -> list[Command]:
    shared = {
        "JAX_COORDINATOR_ADDRESS": f"{_LOOPBACK}:{peers.free_port()}",
        "JAX_NUM_PROCESSES": str(WORKERS),
    }
    ranks = range(WORKERS)
    return _each(python, program, [{**shared, "JAX_PROCESS_ID": str(rank)} for rank in ranks])


def _keras(_python: str, program: Sequence[str]) -> list[Command]:
    return [_command(peers.torchrun(*program), {"KERAS_BACKEND": "torch"})]


def _horovod(python: str, program: Sequence[str]) -> list[Command]:
    horovodrun = str(Path(python).with_name("horovodrun"))
    return [_command([horovodrun, "-np", str(WORKERS), "--gloo", python, *program], {})]


def _each(
    python: str, program: Sequence[str], environments: Sequence[Mapping[str, str]]
) -> list[Command]:
    """A process with each of these; RANK names its marks."""
    return [
        _command([python, *program], {**own, "RANK": str(rank)})
        for rank, own in enumerate(environments)
    ]


def _command(words: Sequence[str], own: Mapping[str, str]) -> Command:
    return Command(words, {**os.environ, **_AS_IN_JOBS, **own})


FRAMEWORKS = {
    "tensorflow": Framework(
        "TensorFlow, MultiWorkerMirrored",
        "2 processes, `TF_CONFIG`",
        "import tensorflow",
        _tensorflow,
        {"tensorflow": {"strategy": "multi_worker_mirrored"}},
    ),
    "jax": Framework("JAX", "2 processes, coordinator", "import jax", _jax),
    "keras": Framework(
        "Keras on torch, `fit`",
        "torchrun",
        "import keras, torch",
        _keras,
        {"keras": {"backend": "torch"}},
    ),
    "horovod": Framework(
        "Horovod, torch", "horovodrun", "import horovod.torch, horovod.runner.launch", _horovod
    ),
}


if __name__ == "__main__":
    main()
