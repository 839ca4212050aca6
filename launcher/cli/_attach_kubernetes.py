"""`launcher attach kubernetes`: jobs that name it get a Ray cluster of their own there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from launcher.cli import _output
from launcher.cli._options import FILLED, NAME_TYPE, connect


def _pairs(
    _context: click.Context, option: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """`A=B` of an option that may be given several times."""
    found: dict[str, str] = {}
    for value in values:
        key, equals, to = value.partition("=")
        if not (key and equals and to):
            raise click.BadParameter(f"expected {option.metavar}, found '{value}'", param=option)
        found[key] = to
    return found


def _priorities(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    found = _pairs(context, option, values)
    for floor in found:
        if not (floor.isdecimal() and int(floor) <= 100):
            raise click.BadParameter(f"'{floor}' is no priority from 0 to 100", param=option)
    return found


@click.command()
@click.option(
    "--name",
    type=NAME_TYPE,
    default="kubernetes",
    show_default=True,
    help="What jobs call it: cluster: NAME.",
)
@click.option(
    "--context",
    "kube_context",
    metavar="NAME",
    default="",
    help="Of the server's kubeconfig (its LAUNCHER_KUBECONFIG, else ~/.kube/config). Default: the "
    "current one; of a server in a pod, its own cluster.",
)
@click.option(
    "--namespace", metavar="NAME", type=NAME_TYPE, default="default", show_default=True,
    help="Where RayJobs are made.",
)  # fmt: skip
@click.option("--image", type=FILLED, help="Of jobs that name none.")
@click.option("--ray-version", type=FILLED, help="Of Ray in that image, as KubeRay wants it told.")
@click.option("--server-url", metavar="URL", default="", help="How pods reach your server.")
@click.option("--service-account", metavar="NAME", default="", help="Of the pods.")
@click.option(
    "--max-jobs",
    type=click.IntRange(1),
    help="So many RayJobs at once; the others wait in the queue and cost no pod. Default: 32; with "
    "--kueue no limit.",
)
@click.option(
    "--gpus-per-pod",
    type=click.IntRange(1),
    help="Put workers together into pods of up to so many GPUs. Default: a pod for each worker.",
)
@click.option("--no-gpus", is_flag=True, help="Jobs that do not say get no GPU.")
@click.option("--kueue", is_flag=True, help="Kueue orders the jobs, and not this server.")
@click.option(
    "--queue", "queues", metavar="PROJECT=QUEUE", multiple=True, callback=_pairs,
    help="With --kueue: LocalQueue of a project; *=QUEUE for all others. Default: its name.",
)  # fmt: skip
@click.option(
    "--priority-class", "priority_classes", metavar="PRIORITY=CLASS", multiple=True,
    callback=_priorities,
    help="With --kueue: WorkloadPriorityClass of jobs of at least that priority.",
)  # fmt: skip
def command(
    *,
    name: str,
    kube_context: str,
    image: str | None,
    ray_version: str | None,
    max_jobs: int | None,
    no_gpus: bool,
    kueue: bool,
    queues: dict[str, str],
    priority_classes: dict[str, str],
    **settings: Any,
) -> None:
    """Let jobs have Ray clusters of their own on a Kubernetes with KubeRay.

    Attached again, it is as the options say then. `launcher detach` ends it.
    """
    if (queues or priority_classes) and not kueue:
        option = "--queue" if queues else "--priority-class"
        raise click.UsageError(f"{option} is for --kueue")
    settings |= {"context": kube_context, "has_gpus": not no_gpus, "kueue": kueue}
    settings |= {"queues": queues, "priority_classes": priority_classes}
    settings |= {"ray_version": ray_version} if ray_version else {}
    settings |= {"image": image} if image else {}
    settings |= {"max_jobs": max_jobs} if max_jobs or kueue else {}
    client = connect(start=True)
    for step in client.attach_kubernetes(name, **settings):
        _output.note(step)
    _output.note(f"attached as cluster {name}: jobs run there with cluster: {name}")
    _output.note(f"leave it by: launcher detach {name}")
