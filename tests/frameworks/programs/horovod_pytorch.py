"""In the style of Horovod's own examples/pytorch: knows nothing of us, as horovodrun starts it."""

import argparse
import hashlib
import json
import time
from pathlib import Path

import horovod.torch as hvd
import torch
from torch import nn, optim
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=0.02)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--epoch-pause", type=float, default=0.0, help="seconds")
parser.add_argument("--checkpoint-format", default="checkpoint-{epoch}.pt")
args = parser.parse_args()

hvd.init()
torch.manual_seed(args.seed)
torch.set_num_threads(1)

inputs = torch.randn(512, 16)
targets = (inputs[:, :4].sum(dim=1) > 0).long()
dataset = TensorDataset(inputs, targets)
sampler = DistributedSampler(dataset, num_replicas=hvd.size(), rank=hvd.rank())
loader = DataLoader(dataset, batch_size=args.batch_size, sampler=sampler)

torch.manual_seed(args.seed + hvd.rank())  # what is broadcast below must not be equal before
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 2))

resume_from_epoch = max(
    (int(path.stem.partition("-")[2]) for path in Path().glob("checkpoint-*.pt")), default=0
)
resume_from_epoch = int(
    hvd.broadcast(torch.tensor(resume_from_epoch), root_rank=0, name="resume_from_epoch")
)

optimizer = optim.SGD(model.parameters(), lr=args.lr * hvd.size(), momentum=0.9)
optimizer = hvd.DistributedOptimizer(optimizer, named_parameters=model.named_parameters())
if resume_from_epoch > 0 and hvd.rank() == 0:
    checkpoint = torch.load(args.checkpoint_format.format(epoch=resume_from_epoch))
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
hvd.broadcast_parameters(model.state_dict(), root_rank=0)
hvd.broadcast_optimizer_state(optimizer, root_rank=0)


def metric_average(value, name):
    return hvd.allreduce(torch.tensor(value), name=name).item()


def train(epoch):
    model.train()
    sampler.set_epoch(epoch)
    total = 0.0
    for data, target in loader:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return metric_average(total / len(loader), "avg_loss")


for epoch in range(resume_from_epoch + 1, args.epochs + 1):
    average = train(epoch)
    if hvd.rank() == 0:
        print(f"epoch {epoch}/{args.epochs} loss {average:.4f}", flush=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state, args.checkpoint_format.format(epoch=epoch))
    time.sleep(args.epoch_pause)

with torch.no_grad():
    accuracy = (model(inputs).argmax(dim=1) == targets).float().mean().item()
weights = b"".join(value.numpy().tobytes() for value in model.state_dict().values())
answer = {
    "rank": hvd.rank(),
    "size": hvd.size(),
    "local": [hvd.local_rank(), hvd.local_size()],
    "cross": [hvd.cross_rank(), hvd.cross_size()],
    "accuracy": accuracy,
    "weights": hashlib.sha256(weights).hexdigest(),
}
print(json.dumps(answer), flush=True)
hvd.shutdown()
