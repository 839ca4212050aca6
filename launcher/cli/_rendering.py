"""A spec as the objects that a server would make of it on Kubernetes."""

from __future__ import annotations

from typing import Any

from launcher.clusters._kuberay_manifest import Order, secret
from launcher.clusters._kuberay_order import judged
from launcher.model.own_cluster import KubernetesCluster, OwnCluster
from launcher.names import slug
from launcher.spec.jobspec import JobSpec
from launcher.spec.launch import decide_gpus, resources_of

_MADE_UP = "00000000-0000-0000-0000-000000000000"


def rendered(spec: JobSpec, at: KubernetesCluster) -> list[dict[str, Any]]:
    """The RayJob and the Secret, with ids that are made up.

    Raises:
        SpecError: KubeRay would refuse the RayJob.
    """
    decided = decide_gpus(spec, cluster_has_gpus=at.has_gpus)
    own = OwnCluster(f"{slug(spec.name or 'job')[:30]}-k3m9ap", 1, at.name)
    order = Order(
        own,
        at,
        server_id="000000000000",
        project=spec.project,
        user="you",
        resources=resources_of(decided),
        image=spec.image or at.image,
        grace_s=spec.timeouts.grace,
        priority=spec.priority,
        pod=spec.kubernetes.pod,
    )
    return [judged(order), secret(order, "made-by-the-server", _MADE_UP)]
