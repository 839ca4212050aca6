"""Every number of the training: a dataclass, and the command line that is made of it."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, fields
from typing import Any


def _option(default: Any, explanation: str) -> Any:
    return field(default=default, metadata={"help": explanation})


@dataclass(frozen=True)
class Config:
    """The defaults suit two processes on CPUs for two or three minutes."""

    steps: int = _option(800, "optimizer steps of the whole training")
    batch_size: int = _option(8, "sequences per process and step")
    context: int = _option(128, "characters that the model sees at once")
    depth: int = _option(4, "transformer blocks")
    heads: int = _option(4, "attention heads a block")
    width: int = _option(128, "size of the residual stream")
    dropout: float = _option(0.0, "worth it when the text is read many times")
    lr: float = _option(3e-3, "highest learning rate")
    warmup: int = _option(80, "steps until it is reached; from there it falls to a tenth")
    weight_decay: float = _option(0.1, "of matrices; vectors are left alone")
    clip: float = _option(1.0, "largest norm of the gradient")
    evaluate_every: int = _option(200, "steps between validations, samples and checkpoints")
    validation_batches: int = _option(32, "batches of all processes together, always the same")
    sample_length: int = _option(240, "characters of a sample")
    temperature: float = _option(0.7, "of the sample: lower is safer")
    seed: int = _option(0, "of everything that is random")
    step_pause: float = _option(0.0, "seconds after each step: pretend to be larger")
    bfloat16: bool = _option(False, "compute in bfloat16: for GPUs that are made for it")

    def learning_rate(self, step: int) -> float:
        """Of the update that follows `step` updates: linear up, then half a cosine down."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


def parse_arguments(description: str) -> Config:
    """The configuration, with what the command line says instead of the defaults."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for one in fields(Config):
        flag, explanation = f"--{one.name.replace('_', '-')}", one.metadata["help"]
        if isinstance(one.default, bool):
            parser.add_argument(flag, action="store_true", help=explanation)
        else:
            kind = type(one.default)
            parser.add_argument(flag, type=kind, default=one.default, help=explanation)
    return Config(**vars(parser.parse_args()))
