"""The scheduler's own code on a recorded workload: `python -m launcher.scheduler.simulate`.

    python -m launcher.scheduler.simulate pods.csv nodes.csv --nodes-share 0.01 --load 1,1.5,2

prints how long jobs wait and how well the GPUs are used, by policy and load. What is assumed about
the jobs of a trace stands in `simulation/workload.py`; docs/simulator.md is for users.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from launcher.errors import LauncherError, SpecError
from launcher.scheduler.cycle import Policy
from launcher.scheduler.scheduler import Scheduler
from launcher.scheduler.simulation import picture
from launcher.scheduler.simulation.loop import SAVES_EVERY_S, History, Simulation
from launcher.scheduler.simulation.outcome import WARM_UP, Window, demand, outcome, window_of
from launcher.scheduler.simulation.policies import ALL, POLICIES
from launcher.scheduler.simulation.tables import Study, as_json, as_tables
from launcher.scheduler.simulation.trace import read_nodes, read_pods
from launcher.scheduler.simulation.workload import (
    LIMITS,
    PREEMPTIBLE,
    PRIORITY,
    USERS,
    Assumptions,
    Workload,
    at_load,
    share_of,
    workload,
)
from launcher.scheduler.words import count
from launcher.units import format_duration, parse_duration

T = TypeVar("T")
_LOADS = "1,1.5,2"
_LIMITS = {
    "guessed": "users' limits are round and 1 to 3 times the run time",
    "exact": "users' limits are the run time",
    "none": "nobody tells a limit",
}
_USERS = {
    "alike": "jobs of no known user that ask for the same are of one user",
    "one": "all jobs of no known user are of one user",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        study = _study(asked)
    except LauncherError as error:
        sys.stderr.write(f"error: {error}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    sys.stdout.write(as_json(study) if asked.output == "json" else as_tables(study))
    return 0


def _study(asked: argparse.Namespace) -> Study:
    """Run all that was asked for, and draw it."""
    nodes = share_of(_read(asked.nodes, read_nodes), asked.nodes_share)
    assumed = Assumptions(asked.limits, asked.users, asked.priority)
    recorded = workload(_read(asked.trace, read_pods), nodes, assumed)
    if not recorded.jobs:
        raise SpecError(f"{asked.trace}: none of its pods ran and fits these nodes")
    runs: dict[float, dict[str, History]] = {}
    windows: dict[float, Window] = {}
    demands: dict[float, float] = {}
    for load in asked.load:
        jobs = at_load(recorded.jobs, load)
        windows[load] = window_of(jobs, asked.warm_up)
        demands[load] = demand(jobs, nodes, windows[load])
        runs[load] = {}
        for name in asked.policy:
            sys.stderr.write(f"  {load:g} x load, {name}\n")
            scheduler = Scheduler(replace(POLICIES[name], ageing_s=asked.ageing))
            simulation = Simulation(scheduler, nodes, jobs, saves_every_s=asked.saves_every)
            runs[load][name] = simulation.run()
    if asked.plot:
        picture.draw(runs, nodes, windows, asked.plot)
    outcomes = {
        load: {name: outcome(history, nodes, windows[load]) for name, history in those.items()}
        for load, those in runs.items()
    }
    words = _assumptions(asked, recorded)
    return Study(nodes, asked.nodes_share, recorded, words, demands, outcomes)


def _read(path: str, read: Callable[[Iterator[str], str], T]) -> T:
    try:
        # The one place of this package that touches a file, so not worth a ban lifted on pathlib.
        with open(path, encoding="utf-8-sig", newline="") as lines:  # noqa: PTH123
            return read(lines, path)
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not text in UTF-8: {error}") from error


def _assumptions(asked: argparse.Namespace, recorded: Workload) -> list[str]:
    told = [f"{kind} {number}" for kind, number in asked.priority.items()]
    words = [
        _LIMITS[asked.limits],
        _USERS[asked.users],
        f"priorities: {', '.join([*told, f'others {PRIORITY}'])}",
        f"a point of priority is worth a wait of {format_duration(asked.ageing)}",
        f"{PREEMPTIBLE} is preemptible and saves every {format_duration(asked.saves_every)}",
        f"the first {asked.warm_up:.0%} of the jobs run, but are not measured",
        "a GPU is used while work is done on it that is kept; measured until the last submission",
    ]
    if recorded.in_part:
        words.append(f"a part of a GPU takes a whole one ({count(recorded.in_part, 'job')})")
    return words


# --- the command line -----------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m launcher.scheduler.simulate",
        description="The scheduler's own code on a recorded workload: waits and use of the GPUs.",
    )
    add = parser.add_argument
    add("trace", metavar="TRACE", help="pod list, CSV")
    add("nodes", metavar="NODES", help="node list, CSV")
    told = f"arrivals so many times as fast as recorded; default: {_LOADS}"
    add("--load", type=_loads, default=_loads(_LOADS), metavar="X,Y", help=told)
    told = f"of {', '.join(POLICIES)}; default: all, which is {', '.join(ALL)}"
    add("--policy", type=_policies, default=list(ALL), metavar="X,Y", help=told)
    told = "take this part of the nodes, of each kind as many as that makes; default: 1"
    add("--nodes-share", type=_share, default=1.0, metavar="SHARE", help=told)
    told = "run times that users tell: 1 to 3 times the true one (default), the true one, none"
    add("--limits", choices=LIMITS, default=LIMITS[0], help=told)
    told = "of jobs whose user is not recorded: one for all that ask for the same (default), or one"
    add("--users", choices=USERS, default=USERS[0], help=told)
    usual = Assumptions().priorities
    told = f"by class of service; default: {', '.join(f'{k}={n}' for k, n in usual.items())}"
    add("--priority", type=_priorities, default=usual, metavar="CLASS=N,…", help=told)
    told = "after so long a wait counts as much as a point of priority; default: 1d"
    add("--ageing", type=_duration, default=Policy().ageing_s, metavar="TIME", help=told)
    told = f"between a preemptible job's checkpoints; default: {format_duration(SAVES_EVERY_S)}"
    add("--saves-every", type=_duration, default=SAVES_EVERY_S, metavar="TIME", help=told)
    told = f"this part of the jobs, the first, run but are not measured; default: {WARM_UP:g}"
    add("--warm-up", type=_part, default=WARM_UP, metavar="SHARE", help=told)
    add("--output", choices=("table", "json"), default="table")
    add("--plot", metavar="FILE", help="also draw it: .png, .svg, .pdf")
    return parser


def _loads(text: str) -> list[float]:
    return [_positive(part) for part in text.split(",")]


def _policies(text: str) -> list[str]:
    names = list(ALL) if text == "all" else text.split(",")
    if unknown := [name for name in names if name not in POLICIES]:
        there = ", ".join(POLICIES)
        raise argparse.ArgumentTypeError(f"no policy {unknown[0]!r}; there is {there}")
    return names


def _share(text: str) -> float:
    share = _positive(text)
    if share > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is more than all nodes; write 0.5 for half")
    return share


def _part(text: str) -> float:
    part = 0.0 if text.strip() == "0" else _positive(text)
    if part >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} leaves nothing to measure; write 0.05")
    return part


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _priorities(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        kind, _, number = part.partition("=")
        if not number.isdecimal() or int(number) > 100:
            raise argparse.ArgumentTypeError(f"{part!r} is not CLASS=N with N from 0 to 100")
        found[kind.strip()] = int(number)
    return found


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
