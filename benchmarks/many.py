"""Many tiny jobs of three projects: how long each takes beyond its own run, and in which order.

A job sleeps for a second. The cluster says that it has more CPUs than there are, so that several
run at once; no CPU is waited for, but those that launcher itself needs.
"""

from __future__ import annotations

import time
from collections import Counter

from embedded import PROGRAMS, Embedded, embedded
from measuring import Section, rounds_parser, say, wait_until

from launcher.spec.judge import spec_from_data

PROJECTS = {"vision": 2.0, "speech": 1.0, "games": 1.0}
"""With their weights."""
SLEEPS_S = 1.0
LOOKS_EVERY_S = 0.25
"""At all jobs: to look as often as `wait_until` does took a tenth of the processors."""


def main() -> None:
    parser = rounds_parser(__doc__, default=1)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--cpus", type=int, default=8, help="of the cluster; default: %(default)s")
    args = parser.parse_args()
    section = Section(f"{args.jobs} tiny jobs, {args.cpus} at once", rounds=args.rounds)
    rows = [_row(args.jobs, args.cpus) for _ in range(args.rounds)]
    headings = ["all ended after", "a job", "beyond its own run", "of it submitting"]
    headings += ["chosen among those that wait, of the first half", "states"]
    section.table(headings, rows)
    section.note(
        "A job: the time in all, divided by the jobs. Beyond its own run: that, less the second "
        f"that it sleeps, of which {args.cpus} pass at once; goal 0.5 s. Chosen: jobs that were "
        "granted after the last submit, and of the first half of them how many each project has; "
        "by their weights half should be of vision."
    )
    section.print()


def _row(count: int, cpus: int) -> list[str]:
    with embedded(cpus) as cluster:
        for name, weight in PROJECTS.items():
            cluster.client.set_quota(name, {"weight": weight})
        say(f"submits {count} jobs")
        begun = time.monotonic()
        jobs = {_submit(cluster, name): name for _ in range(count // 3) for name in PROJECTS}
        submitted, submitted_at = time.monotonic() - begun, time.time()
        client, limit = cluster.client, len(jobs)
        wait_until(
            lambda: all(job.is_over for job in client.jobs(limit=limit)),
            "the end of all jobs",
            patience_s=600.0,
            every_s=LOOKS_EVERY_S,
        )
        took = time.monotonic() - begun
        found = [client.job(job_id) for job_id in jobs]  # a list tells nothing of attempts
    granted = sorted((job.attempts[0].granted_at or 0.0, job.id) for job in found if job.attempts)
    chosen = [job_id for at, job_id in granted if at > submitted_at]
    first = Counter(jobs[job_id] for job_id in chosen[: len(chosen) // 2])
    states = Counter(job.state for job in found)
    own = SLEEPS_S / cpus
    return [
        f"{took:.1f} s",
        f"{took / limit:.2f} s",
        f"{took / limit - own:.2f} s",
        f"{submitted:.1f} s",
        f"{len(chosen)}: {', '.join(f'{first[name]} {name}' for name in PROJECTS)}",
        ", ".join(f"{count} {state}" for state, count in states.items()),
    ]


def _submit(cluster: Embedded, project: str) -> str:
    spec = spec_from_data(
        {
            "name": "tiny",
            "framework": "command",
            "entrypoint": ["sleep", str(SLEEPS_S)],
            "workdir": str(PROGRAMS),
            "project": project,
            "resources": {"workers": 1, "gpus_per_worker": 0},
        }
    )
    return cluster.client.submit(spec).job.id


if __name__ == "__main__":
    main()
