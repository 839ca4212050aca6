"""Train a small character transformer on the text of Python's standard library.

`python train.py`, `torchrun --nproc-per-node 2 train.py` and `launcher submit job.yaml` run it as
it stands. What is random in a step is drawn from the seed, the step and the rank, so the number of
steps done is the whole position of the training: nothing else must be saved to resume exactly.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
from config import Config, parse_arguments
from model import Transformer
from text import ALPHABET, Text, decode, encode, even_starts, load_text, random_starts, windows
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from launcher import checkpoint, rank, report, resume_from, should_stop, world_size
from launcher.train.pytorch import process_group

PROMPT = "def "
SAMPLES = Path("samples")


def main() -> None:
    config = parse_arguments(__doc__.splitlines()[0])
    with process_group() as device:
        Trainer(config, device).train()


class Trainer:
    """Owns model, optimizer and text of this process, and how many steps are done."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config, self.device = config, device
        self.text: Text = load_text(device)
        torch.manual_seed(config.seed)
        self.model = Transformer(
            len(ALPHABET),
            context=config.context,
            depth=config.depth,
            heads=config.heads,
            width=config.width,
            dropout=config.dropout,
        ).to(device)
        self.optimizer = make_optimizer(self.model, config.weight_decay)
        self.step = 0
        self.load()
        together = dist.is_initialized()
        self.replica = DistributedDataParallel(self.model) if together else self.model

    def train(self) -> None:
        """All steps that are left, or those until somebody wants the job to stop."""
        config = self.config
        while self.step < config.steps:
            began = time.perf_counter()
            learning_rate = config.learning_rate(self.step)
            loss = self.update(learning_rate)
            characters = config.batch_size * config.context * world_size()
            report(
                step=self.step,
                total_steps=config.steps,
                loss=loss,
                lr=learning_rate,
                tokens_per_s=characters / (time.perf_counter() - began),
            )
            time.sleep(config.step_pause)
            is_wanted = not should_stop()
            if self.step % config.evaluate_every == 0 or self.step == config.steps:
                self.look_and_save(loss)
            elif not is_wanted:
                self.save()
            if not is_wanted:
                say(f"stopped after step {self.step} of {config.steps}")
                return

    def update(self, learning_rate: float) -> float:
        """One step of the optimizer; the loss of this process's batch before it."""
        config = self.config
        randomness = self.randomness("training")
        torch.manual_seed(randomness.initial_seed())  # dropout draws from torch's own
        starts = random_starts(self.text.training, config.batch_size, config.context, randomness)
        loss = self.loss(self.replica, *windows(self.text.training, starts, config.context))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.step += 1
        return loss.item()

    def loss(self, model: nn.Module, text: Tensor, targets: Tensor) -> Tensor:
        """Nats per character."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            logits = model(text)
        return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    def look_and_save(self, loss: float) -> None:
        """Validate, let the model write, and save."""
        self.model.eval()
        val_loss = self.validate()
        self.write_sample()
        self.model.train()
        bits = val_loss / math.log(2)
        report(step=self.step, val_loss=val_loss, bits_per_character=bits)
        say(
            f"step {self.step}/{self.config.steps}: loss {loss:.3f}, validation {val_loss:.3f},"
            f" {bits:.2f} bits per character"
        )
        self.save(val_loss=val_loss)

    @torch.no_grad()
    def validate(self) -> float:
        """Mean loss of windows that are always the same; every process takes its share of them."""
        config, text = self.config, self.text.validation
        starts = even_starts(text, config.validation_batches * config.batch_size, config.context)
        total = torch.zeros(2, dtype=torch.float64, device=self.device)
        for share in starts[rank() :: world_size()].split(config.batch_size):
            loss = self.loss(self.model, *windows(text, share, config.context))
            total += torch.tensor([loss.item() * len(share), len(share)], device=self.device)
        if dist.is_initialized():
            dist.all_reduce(total)
        return (total[0] / total[1]).item()

    def write_sample(self) -> None:
        """What the model makes of a prompt, as a file; rank 0 writes for all."""
        if rank() > 0:
            return
        config = self.config
        prompt = encode(PROMPT).long().to(self.device)
        randomness = self.randomness("sample")
        written = self.model.write_on(prompt, config.sample_length, config.temperature, randomness)
        SAMPLES.mkdir(exist_ok=True)
        file = SAMPLES / f"step-{self.step:06d}.txt"
        file.write_text(decode(written) + "\n", encoding="utf-8")

    def randomness(self, purpose: str) -> torch.Generator:
        """Of this step in this process, whatever was drawn before."""
        place = (self.config.seed, self.step, rank(), ("training", "sample").index(purpose))
        seed = 0
        for number in place:
            seed = seed * 1_000_003 + number
        return torch.Generator().manual_seed(seed % 2**63)

    def save(self, **metrics: float) -> None:
        state = {
            "config": asdict(self.config),
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with checkpoint(self.step, metrics) as folder:
            torch.save(state, folder / "state.pt")

    def load(self) -> None:
        """Go on from the checkpoint that launcher chose, if any."""
        folder = resume_from()
        if folder is None:
            return
        state = torch.load(Path(folder, "state.pt"), map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])
        say(f"resumed after step {self.step}")


def make_optimizer(model: nn.Module, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW that lets only matrices decay."""
    parameters = list(model.parameters())
    groups = [
        {"params": [one for one in parameters if one.dim() > 1], "weight_decay": weight_decay},
        {"params": [one for one in parameters if one.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95))


def say(text: str) -> None:
    if rank() == 0:
        print(text, flush=True)


if __name__ == "__main__":
    main()
