"""The RayJob of a job, or why there can be none, before anything is sent anywhere. Pure."""

from __future__ import annotations

from typing import Any

from launcher.clusters._kuberay_manifest import Order, rayjob
from launcher.clusters._kuberay_rules import complaints
from launcher.errors import SpecError


def judged(order: Order) -> dict[str, Any]:
    """The RayJob, which KubeRay will take.

    Raises:
        SpecError: it would not, or no image is named.
    """
    if not order.image:
        raise SpecError(
            f"image: cluster {order.at.name} was attached without one, and the spec names none",
            hint="add image: with Ray and the launcher in it; docs/kuberay.md tells how to make it",
        )
    made = rayjob(order)
    faults = complaints(made)
    if faults:
        told = "\n".join(faults)
        raise SpecError(
            f"KubeRay would refuse its RayJob:\n{told}",
            hint="correct kubernetes.pod; launcher k8s render prints the whole RayJob",
        )
    return made
