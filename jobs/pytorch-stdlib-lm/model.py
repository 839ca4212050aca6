"""A transformer that reads characters and tells the next one, in the form of GPT-2."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Every character looks at those before it."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        parts = self.queries_keys_values(x).split(width, dim=-1)
        query, key, value = (part.view(shape).transpose(1, 2) for part in parts)
        dropout = self.dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=dropout
        )
        return self.out(seen.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """Looks around, then thinks about it; each adds to what passes through."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.before_thinking = nn.LayerNorm(width)
        self.thinking = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x)))
        return x + self.dropout(self.thinking(self.before_thinking(x)))


class Transformer(nn.Module):
    """Logits of the next character at every place: `(batch, length)` -> `(…, alphabet)`."""

    def __init__(
        self, alphabet: int, *, context: int, depth: int, heads: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the width ({width}) must be a multiple of the heads ({heads})")
        self.context = context
        self.characters = nn.Embedding(alphabet, width)
        self.places = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.last_norm = nn.LayerNorm(width)
        self._begin(depth)

    def _begin(self, depth: int) -> None:
        """GPT-2's first weights: what adds to the stream begins smaller, the deeper the stream."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                adds = name.endswith(("attention.out.weight", "thinking.2.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * depth) if adds else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, text: Tensor) -> Tensor:
        places = torch.arange(text.shape[1], device=text.device)
        x = self.dropout(self.characters(text) + self.places(places))
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.last_norm(x), self.characters.weight)

    @torch.no_grad()
    def write_on(
        self, text: Tensor, length: int, temperature: float, randomness: torch.Generator
    ) -> Tensor:
        """The text `(n,)` with `length` characters more, drawn one after the other."""
        for _ in range(length):
            logits = self(text[None, -self.context :])[0, -1].float().cpu()
            chances = functional.softmax(logits / temperature, dim=-1)
            drawn = torch.multinomial(chances, 1, generator=randomness)
            text = torch.cat([text, drawn.to(text.device)])
        return text
