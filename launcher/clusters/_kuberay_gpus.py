"""Kinds of GPU, as nodes of Kubernetes are labelled with them by NVIDIA's feature discovery."""

from __future__ import annotations

LABEL = "nvidia.com/gpu.product"
RESOURCE = "nvidia.com/gpu"

_PRODUCTS = {
    "A10G": ("NVIDIA-A10G",),
    "A100": (
        "NVIDIA-A100-SXM4-40GB",
        "NVIDIA-A100-SXM4-80GB",
        "NVIDIA-A100-PCIE-40GB",
        "NVIDIA-A100-80GB-PCIe",
    ),
    "A100-40G": ("NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB"),
    "A100-80G": ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"),
    "H100": ("NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-PCIe", "NVIDIA-H100-NVL"),
    "H200": ("NVIDIA-H200", "NVIDIA-H200-NVL"),
    "B200": ("NVIDIA-B200",),
    "L4": ("NVIDIA-L4",),
    "L40S": ("NVIDIA-L40S",),
    "T4": ("Tesla-T4",),
    "V100": (
        "Tesla-V100-SXM2-16GB",
        "Tesla-V100-SXM2-32GB",
        "Tesla-V100-SXM3-32GB",
        "Tesla-V100-PCIE-16GB",
        "Tesla-V100-PCIE-32GB",
    ),
}
"""By Ray's words for them; one name may be several products."""


def products(accelerator: str) -> tuple[str, ...]:
    """Values of the label that a spec's `resources.accelerator` means; else it is one itself.

    >>> products("h200"), products("NVIDIA-GH200-480GB")
    (('NVIDIA-H200', 'NVIDIA-H200-NVL'), ('NVIDIA-GH200-480GB',))
    """
    by_word = {word.casefold(): found for word, found in _PRODUCTS.items()}
    return by_word.get(accelerator.casefold(), (accelerator,))
