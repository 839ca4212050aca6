"""`launcher k8s render job.yaml`: the RayJob that a spec becomes, without a server or a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from launcher.cli import _output
from launcher.cli._options import FILLED, NAME_TYPE
from launcher.cli._specs import set_option


@click.group("k8s")
def command() -> None:
    """Kubernetes: what a job with a cluster of its own becomes there."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("job.yaml"))
@set_option
@click.option("--image", type=FILLED, help="As the cluster was attached with.")
@click.option("--namespace", type=NAME_TYPE, default="default", show_default=True)
@click.option(
    "--server-url",
    metavar="URL",
    default="http://launcher:8080",
    show_default=True,
    help="How pods reach the server.",
)
@click.option("--gpus-per-pod", type=click.IntRange(1), help="As the cluster was attached with.")
@click.option("--no-gpus", is_flag=True, help="As the cluster was attached with.")
@click.option("--kueue", is_flag=True, help="As the cluster was attached with.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
)
def render(
    *,
    file: Path,
    overrides: tuple[str, ...],
    image: str | None,
    namespace: str,
    server_url: str,
    gpus_per_pod: int | None,
    no_gpus: bool,
    kueue: bool,
    output: str,
) -> None:
    """Print the RayJob and the Secret that a spec becomes.

    What a server would refuse is refused here. Its id, the job's id and the token are made up.
    """
    from launcher.cli._rendering import rendered
    from launcher.model.own_cluster import KubernetesCluster
    from launcher.spec.load import load_spec
    from launcher.transport import Connection

    Connection(server_url)  # refuses what is no address
    spec = load_spec(file, overrides)
    at = KubernetesCluster(
        "kubernetes" if spec.cluster == "any" else spec.cluster,
        server_url,
        namespace=namespace,
        image=image or "",
        gpus_per_pod=gpus_per_pod,
        has_gpus=not no_gpus,
        kueue=kueue,
    )
    manifests = rendered(spec, at)
    if output == "json":
        _output.print_json({"apiVersion": "v1", "kind": "List", "items": manifests})
        return
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes what stands twice twice."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
            return True

    click.echo(yaml.dump_all(manifests, Dumper=Plain, sort_keys=False, width=100), nl=False)
