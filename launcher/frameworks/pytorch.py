"""PyTorch: DDP, FSDP and everything else that torchrun starts, unmodified."""

from __future__ import annotations

from launcher.frameworks._torchrun import TorchrunFramework


class PyTorch(TorchrunFramework):
    """Every rank sees all the gang's GPUs of its node and calls `set_device(LOCAL_RANK)`."""

    how_to_meet = (
        "call torch.distributed.init_process_group() and wrap the model in DistributedDataParallel"
    )
