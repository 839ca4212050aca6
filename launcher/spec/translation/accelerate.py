"""accelerate launch.

Flags and variables as of accelerate 1.10 (commands/launch.py, utils/launch.py). Its config file is
not read: it is of the machine that submits, and would be a second place for the same keys.
"""

from __future__ import annotations

from launcher.spec.translation.line import (
    GPUS,
    Flag,
    Line,
    arranged,
    constant,
    fact,
    key,
    number,
    one_of,
    refused,
    switch,
    switched,
    variable,
)

_FP8 = "fp8 needs more variables than this; write them under env, with ACCELERATE_MIXED_PRECISION"
_BY_ENV = "not read here; accelerate turns it into variables, write them under env"

FLAGS: dict[str, Flag] = {
    "--num-processes": number("workers"),
    "--num-machines": number("nodes"),
    "--multi-gpu": constant(GPUS, 1),
    "--cpu": switch("cpu"),
    "--num-cpu-threads-per-process": key(("resources", "cpus_per_worker"), low=1),
    "--max-restarts": key(("retries", "max")),
    "--mixed-precision": variable(
        "ACCELERATE_MIXED_PRECISION", one_of("no", "fp16", "bf16", instead=_FP8)
    ),
    "--dynamo-backend": variable("ACCELERATE_DYNAMO_BACKEND", str.upper),
    "--dynamo-mode": variable("ACCELERATE_DYNAMO_MODE"),
    "--dynamo-use-fullgraph": switched("ACCELERATE_DYNAMO_USE_FULLGRAPH", "True"),
    "--dynamo-use-dynamic": switched("ACCELERATE_DYNAMO_USE_DYNAMIC", "True"),
    "--debug": switched("ACCELERATE_DEBUG_MODE", "true"),
    "--enable-cpu-affinity": switched("ACCELERATE_CPU_AFFINITY", "1"),
    "-m": switch("module"),
    "--module": switch("module"),
    "--no-python": switch("no_python"),
    "--gpu-ids": fact("gpu_ids"),
    **dict.fromkeys(
        (
            *("--machine-rank", "--main-process-ip", "--main-process-port", "--rdzv-backend"),
            *("--rdzv-conf", "--monitor-interval", "-t", "--tee", "--log-dir"),
        ),
        arranged(),
    ),
    **dict.fromkeys(("--same-network", "-q", "--quiet"), arranged(0)),
    "--role": refused("the role of every rank is default; remove it"),
    "--config-file": refused(
        "not read here; write its num_processes as resources.workers, and its mixed_precision "
        "as env: {ACCELERATE_MIXED_PRECISION: bf16}"
    ),
    "--use-fsdp": refused(
        'not read here; write env: {ACCELERATE_USE_FSDP: "true"} and its FSDP_… variables', 0
    ),
    "--use-deepspeed": refused(
        'not read here; write env: {ACCELERATE_USE_DEEPSPEED: "true"} and its variables', 0
    ),
    "--use-megatron-lm": refused(_BY_ENV, 0),
    "--use-parallelism-config": refused(_BY_ENV, 0),
    "--deepspeed-config-file": refused(
        "not read here; write env: {ACCELERATE_DEEPSPEED_CONFIG_FILE: {value}}"
    ),
    "--zero-stage": refused(
        'not read here; write env: {ACCELERATE_DEEPSPEED_ZERO_STAGE: "{value}"}'
    ),
    "--gradient-accumulation-steps": refused(
        'not read here; write env: {ACCELERATE_GRADIENT_ACCUMULATION_STEPS: "{value}"}'
    ),
    "--gradient-clipping": refused(
        'not read here; write env: {ACCELERATE_GRADIENT_CLIPPING: "{value}"}'
    ),
    "--fsdp-transformer-layer-cls-to-wrap": refused(
        "not read here; write env: {FSDP_TRANSFORMER_CLS_TO_WRAP: {value}}"
    ),
    **{
        f"--fsdp-{name}": refused(
            f"not read here; write env: {{FSDP_{name.upper().replace('-', '_')}: {{value}}}}"
        )
        for name in (
            *("version", "sharding-strategy", "reshard-after-forward", "offload-params"),
            *("min-num-params", "auto-wrap-policy", "backward-prefetch", "state-dict-type"),
            *("forward-prefetch", "use-orig-params", "cpu-ram-efficient-loading"),
            *("sync-module-states", "activation-checkpointing", "ignored-modules"),
        )
    },
    **dict.fromkeys(
        ("--tpu", "--use-xpu", "--ipex", "--tpu-cluster", "--tpu-use-sudo"),
        refused("not in this version; the launcher places GPUs and CPUs", 0),
    ),
}


def finish(line: Line) -> None:
    """`--num_processes` is of all machines together."""
    if line.fact("cpu"):
        _use_cpus(line)
    _check_ids(line)
    workers, nodes = line.fact("workers"), line.fact("nodes")
    if workers is None:
        line.lacks_workers = "accelerate's config file is not read; write --num_processes"
        if nodes is not None:
            line.keys["resources", "nodes"] = line.facts["nodes"]
    elif nodes is not None and workers % nodes:
        line.faults.append(
            f"{line.flag('workers', 'nodes')}: {workers} processes cannot be spread evenly over "
            f"{nodes} machines"
        )
    else:
        line.set_gang(workers, nodes, line.flag("workers", "nodes"))


def _use_cpus(line: Line) -> None:
    flag = line.flag("cpu")
    if GPUS in line.keys:
        line.faults.append(f"--multi_gpu and {flag} exclude each other; remove one")
    constant(GPUS, 0).act(line, flag, "")
    switched("ACCELERATE_USE_CPU", "True").act(line, flag, "")


def _check_ids(line: Line) -> None:
    ids = line.fact("gpu_ids")
    if ids not in {None, "all"}:
        count = len(ids.split(","))
        line.faults.append(
            f"{line.flag('gpu_ids')}: the cluster chooses the GPUs; remove it, "
            f"{count} of them are resources: {{workers: {count}, gpus_per_worker: 1}}"
        )
