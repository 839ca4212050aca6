"""horovodrun. Flags as of Horovod 0.28 (runner/launch.py), variables of config_parser.py there."""

from __future__ import annotations

import re

from launcher.spec.translation.line import (
    ELASTIC,
    PER_NODE,
    PLACEMENT,
    Flag,
    Line,
    Setting,
    arranged,
    fact,
    key,
    number,
    refused,
    switched,
    variable,
)

_MPI = "the launcher starts the processes with Gloo; remove it"
_NETWORK = (
    "the interface of each node's address is used; for another one remove this and write "
    "env: {HOROVOD_GLOO_IFACE: {value}, NCCL_SOCKET_IFNAME: {value}}"
)
_HOST = re.compile(r"([^:,\s]+)(?::(\d{1,5}))?")


def _mebibytes(value: str) -> str:
    """The bytes that a number of MiB is."""
    if not value.isdecimal():
        raise ValueError("expected a whole number of MiB")
    return str(int(value) * 2**20)


FLAGS: dict[str, Flag] = {
    "-np": number("workers"),
    "--num-proc": number("workers"),
    "-H": fact("hosts"),
    "--hosts": fact("hosts"),
    "--start-timeout": key(("timeouts", "start"), low=1),
    "--fusion-threshold-mb": variable("HOROVOD_FUSION_THRESHOLD", _mebibytes),
    "--cycle-time-ms": variable("HOROVOD_CYCLE_TIME"),
    "--cache-capacity": variable("HOROVOD_CACHE_CAPACITY"),
    "--hierarchical-allreduce": switched("HOROVOD_HIERARCHICAL_ALLREDUCE", "1"),
    "--no-hierarchical-allreduce": switched("HOROVOD_HIERARCHICAL_ALLREDUCE", "0"),
    "--hierarchical-allgather": switched("HOROVOD_HIERARCHICAL_ALLGATHER", "1"),
    "--no-hierarchical-allgather": switched("HOROVOD_HIERARCHICAL_ALLGATHER", "0"),
    "--autotune": switched("HOROVOD_AUTOTUNE", "1"),
    "--autotune-log-file": variable("HOROVOD_AUTOTUNE_LOG"),
    "--autotune-warmup-samples": variable("HOROVOD_AUTOTUNE_WARMUP_SAMPLES"),
    "--autotune-steps-per-sample": variable("HOROVOD_AUTOTUNE_STEPS_PER_SAMPLE"),
    "--autotune-bayes-opt-max-samples": variable("HOROVOD_AUTOTUNE_BAYES_OPT_MAX_SAMPLES"),
    "--autotune-gaussian-process-noise": variable("HOROVOD_AUTOTUNE_GAUSSIAN_PROCESS_NOISE"),
    "--timeline-filename": variable("HOROVOD_TIMELINE"),
    "--timeline-mark-cycles": switched("HOROVOD_TIMELINE_MARK_CYCLES", "1"),
    "--no-stall-check": switched("HOROVOD_STALL_CHECK_DISABLE", "1"),
    "--stall-check-warning-time-seconds": variable("HOROVOD_STALL_CHECK_TIME_SECONDS"),
    "--stall-check-shutdown-time-seconds": variable("HOROVOD_STALL_SHUTDOWN_TIME_SECONDS"),
    "--num-nccl-streams": variable("HOROVOD_NUM_NCCL_STREAMS"),
    "--thread-affinity": variable("HOROVOD_THREAD_AFFINITY"),
    "--gloo-timeout-seconds": variable("HOROVOD_GLOO_TIMEOUT_SECONDS"),
    "--log-level": variable("HOROVOD_LOG_LEVEL"),
    **dict.fromkeys(
        ("--output-filename", "-p", "--ssh-port", "-i", "--ssh-identity-file"), arranged()
    ),
    **dict.fromkeys(
        (
            *("--gloo", "--verbose", "--disable-cache", "--stall-check", "--no-autotune"),
            *("-prefix-timestamp", "--prefix-output-with-timestamp", "--log-with-timestamp"),
            *("--log-without-timestamp", "--no-mpi-threads-disable", "--no-timeline-mark-cycles"),
        ),
        arranged(0),
    ),
    **dict.fromkeys(("--mpi", "--jsrun", "--tcp", "--mpi-threads-disable"), refused(_MPI, 0)),
    **dict.fromkeys(("--mpi-args", "--binding-args"), refused(_MPI)),
    **dict.fromkeys(("--network-interface", "--network-interfaces"), refused(_NETWORK)),
    **dict.fromkeys(
        (
            *("--min-np", "--min-num-proc", "--max-np", "--max-num-proc", "--slots-per-host"),
            *("--elastic-timeout", "--reset-limit", "--host-discovery-script"),
        ),
        refused(ELASTIC),
    ),
    "--blacklist-cooldown-range": refused(ELASTIC, 2),
    **dict.fromkeys(
        ("-hostfile", "--hostfile"),
        refused("not read here; write -np, or resources: {nodes: M, workers_per_node: N}"),
    ),
    "--config-file": refused("not read here; write its parameters as HOROVOD_… under env"),
    "-cb": refused("run it on a node yourself: horovodrun --check-build", 0),
    "--check-build": refused("run it on a node yourself: horovodrun --check-build", 0),
}


def finish(line: Line) -> None:
    """`-np` is of all hosts together, which are filled in their order."""
    workers, flag = line.fact("workers"), line.flag("workers", "hosts")
    if workers is None:
        line.lacks_workers = "it does not say how many processes; write -np"
        return
    counts = _ranks_of_hosts(line, workers)
    nodes = len(counts) if counts else None
    line.set_gang(workers, nodes, flag)
    if len(set(counts)) > 1:
        line.held.pop(PER_NODE, None)
        line.keys["resources", "uneven"] = Setting(True, flag)


def _ranks_of_hosts(line: Line, workers: int) -> list[int]:
    """How many ranks each host gets that gets any; empty without -H, or after a complaint."""
    if "hosts" not in line.facts:
        return []
    found = [_HOST.fullmatch(host) for host in line.fact("hosts").split(",")]
    slots = [int(host[2] or 1) for host in found if host]
    if not all(found) or sum(slots) < workers:
        what = f"{sum(slots)} slots for {workers} processes" if all(found) else "expected HOST:N,…"
        line.faults.append(f"{line.flag('workers', 'hosts')}: {what}")
        return []
    if {host[1] for host in found if host} == {"localhost"}:
        line.keys[PLACEMENT] = Setting("single_node", line.flag("hosts"))
        return []
    counts, left = [], workers
    for slot in slots:
        counts.append(min(slot, left))
        left -= counts[-1]
    return [count for count in counts if count]
