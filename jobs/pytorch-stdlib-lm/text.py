"""The text: Python's own standard library, character by character. No download, no tokenizer."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

INDENT = "    "
"""Read and written as one tab: a fifth of Python is indentation."""
ALPHABET = "\t\n" + "".join(map(chr, range(32, 127)))
"""Fixed, so that a checkpoint means the same to every version of Python; the rest becomes `?`."""
_NUMBERS = bytes(ALPHABET.index(chr(code) if chr(code) in ALPHABET else "?") for code in range(256))
_HELD_OUT = 20
"""Every so-manieth file is for validation: whole files, which the training never sees."""


class Text(NamedTuple):
    """Characters as numbers, `(length,)`, uint8."""

    training: Tensor
    validation: Tensor


def load_text(device: torch.device) -> Text:
    """The modules at the top of the standard library, in the order of their names: some 5 MB."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(folder.glob("*.py"))
    if len(files) < _HELD_OUT:
        raise SystemExit(f"{folder} has {len(files)} modules: this Python came without its sources")
    held_out = files[::_HELD_OUT]
    parts = ([file for file in files if file not in held_out], held_out)
    return Text(*(encode("".join(map(read, part))).to(device) for part in parts))


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def encode(text: str) -> Tensor:
    numbers = text.replace(INDENT, "\t").encode("ascii", "replace").translate(_NUMBERS)
    return torch.frombuffer(bytearray(numbers), dtype=torch.uint8)


def decode(numbers: Tensor) -> str:
    return "".join(ALPHABET[number] for number in numbers.tolist()).replace("\t", INDENT)


def windows(text: Tensor, starts: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets, each `(len(starts), context)`: targets are one character ahead."""
    offsets = torch.arange(context + 1, device=text.device)
    pieces = text[starts.to(text.device)[:, None] + offsets].long()
    return pieces[:, :-1], pieces[:, 1:]


def random_starts(text: Tensor, count: int, context: int, randomness: torch.Generator) -> Tensor:
    return torch.randint(len(text) - context, (count,), generator=randomness)


def even_starts(text: Tensor, count: int, context: int) -> Tensor:
    """Windows that are spread over the text, always the same."""
    return torch.linspace(0, len(text) - context - 1, count, dtype=torch.float64).long()
