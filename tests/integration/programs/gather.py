"""Ranks that meet over gloo, add up their numbers and each tell the sum; knows nothing of us."""

import os
import sys

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
numbers = torch.tensor([float(dist.get_rank())])
dist.all_reduce(numbers)
told = f"rank {dist.get_rank()} of {dist.get_world_size()} sum {numbers.item():g}"
line = " ".join([told, *sys.argv[1:], os.environ.get("GREETING", "")])
os.write(1, f"{line}\n".encode())  # whole: torchrun gives all ranks one pipe
dist.barrier()
dist.destroy_process_group()
# torch with gloo may abort while the interpreter ends; what counts has been said.
os._exit(0)
