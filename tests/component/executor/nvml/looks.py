"""Looks at the GPUs of the library that is found first, and prints what each look gave."""

import ctypes
import json
import sys

from launcher.executor.sampling_gpus import GpuLooker

warnings: list[str] = []
looker = GpuLooker(sys.argv[1:], warnings.append)
looks = [looker.look()]
fake = ctypes.CDLL("libnvidia-ml.so.1")


def change(index: int, name: str, value: int) -> None:
    fake.fake_set(ctypes.c_uint(index), name.encode(), ctypes.c_ulonglong(value))


changes = [
    [],
    [(0, "reasons", 0x40), (0, "use", 12)],
    [(0, "reasons", 0x04 | 0x08)],
    [(0, "uncorrected", 2), (1, "xid", 79)],
]
for some in changes:
    for one in some:
        change(*one)
    looks.append(looker.look())
print(json.dumps({"looks": looks, "warnings": warnings, "inits": fake.fake_inits()}))
