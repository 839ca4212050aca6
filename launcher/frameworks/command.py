"""Any command: a shell text, a binary, a program of a framework that has no file here.

It gets torchrun's environment, the set of variables that most programs know to read.
"""

from __future__ import annotations

from launcher.frameworks._torchrun import TorchrunFramework


class Command(TorchrunFramework):
    """Every worker runs the command once and sees all the gang's GPUs of its node."""

    how_to_meet = "let them meet at MASTER_ADDR:MASTER_PORT, as programs for torchrun do"
    is_always_training = False
