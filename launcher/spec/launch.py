"""From the user's spec to what the agents need of it."""

from __future__ import annotations

from launcher.model.job import Resources
from launcher.model.launch import Launch, Requirements
from launcher.model.outputs import OutputRule
from launcher.spec.jobspec import JobSpec
from launcher.spec.metrics import observing


def decide_gpus(spec: JobSpec, *, cluster_has_gpus: bool) -> JobSpec:
    """The spec with `gpus_per_worker` decided: as written, else by cluster and framework."""
    if spec.resources.gpus_per_worker is not None:
        return spec
    gpus = int(cluster_has_gpus and spec.framework != "command")
    resources = spec.resources.model_copy(update={"gpus_per_worker": gpus})
    return spec.model_copy(update={"resources": resources})


def remarks(spec: JobSpec) -> list[str]:
    """What its user should know of a job that is queued. `spec`: with its GPUs decided."""
    if spec.replicas_per_rank == 1 or spec.resources.gpus_per_worker:
        return []
    text = (
        f"{spec.resources.most} workers of one process, and no GPUs: MirroredStrategy makes so "
        "many replicas only if the program splits the CPU by "
        "tf.config.set_logical_device_configuration (docs/frameworks.md)"
    )
    return [text]


def to_launch(spec: JobSpec, job_id: str, code: str) -> Launch:
    """What the agents need.

    Args:
        spec: with its GPUs decided.
        job_id: the job's.
        code: sha256 of the packaged workdir; empty: no files.

    Raises:
        ValueError: nobody has called `decide_gpus`.
    """
    resources, timeouts, paths = spec.resources, spec.timeouts, spec.outputs.paths
    if resources.gpus_per_worker is None:
        raise ValueError("resources.gpus_per_worker is undecided: call decide_gpus before")
    return Launch(
        job_id=job_id,
        name=spec.name or job_id,
        framework=spec.framework,
        strategy=spec.strategy,
        replicas_per_rank=spec.replicas_per_rank,
        entrypoint=spec.program,
        workers=resources.most,
        gpus_per_worker=resources.gpus_per_worker,
        cpus_per_worker=resources.cpus_per_worker,
        env=dict(spec.env),
        python=spec.python.interpreter,
        requirements=_requirements(spec),
        warm_start=spec.python.warm_start,
        code=code,
        max_restarts=spec.retries.max,
        start_timeout_s=timeouts.start,
        run_timeout_s=timeouts.run,
        grace_s=timeouts.grace,
        stop_signal=spec.stop_signal,
        in_place=spec.workdir if spec.in_place else None,
        links=dict(spec.links),
        watch=spec.checkpoints.watch,
        watch_per_node=spec.checkpoints.watch_per_node,
        observing=observing(spec.metrics, spec.framework),
        outputs=OutputRule(paths, spec.outputs.rank == "all") if paths else None,
    )


def _requirements(spec: JobSpec) -> Requirements | None:
    wanted = spec.python.requirements
    if wanted is None:
        return None
    return Requirements(file=wanted) if isinstance(wanted, str) else Requirements(lines=wanted)


def resources_of(spec: JobSpec) -> Resources:
    """What the gang needs of a spec whose GPUs are decided."""
    wanted = spec.resources
    return Resources(
        workers=wanted.most,
        cpus_per_worker=wanted.cpus_per_worker,
        gpus_per_worker=wanted.gpus_per_worker or 0,
        memory_per_worker=wanted.memory_per_worker or 0,
        custom=dict(wanted.custom),
        labels=dict(wanted.labels),
        accelerator=wanted.accelerator,
        placement="single_node" if spec.is_one_process else wanted.placement,
        nodes=wanted.nodes,
        workers_per_node=wanted.workers_per_node,
        uneven=wanted.uneven,
        replicas_per_rank=spec.replicas_per_rank,
        fewest=wanted.fewest,
    )
