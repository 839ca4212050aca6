"""What a secret may be called and hold. Pure: client, spec and server judge by the same rules."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_NAME = 128
LARGEST = 64 * 1024
"""Bytes of a value. The kernel gives no process a variable of more than 128 KiB."""
REDACTED_FROM = 6
"""Shorter values, in bytes, are not blotted out of logs: too much would look like them."""

SET_FOR_RANKS = frozenset(
    {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE"}
    | {"ROLE_RANK", "ROLE_WORLD_SIZE", "ROLE_NAME", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
    | {"CUDA_VISIBLE_DEVICES"}
)
"""Variables that the launcher sets for every rank, besides LAUNCHER_*."""


def is_set_for_ranks(variable: str) -> bool:
    """Whether the launcher itself gives this variable to every rank.

    >>> is_set_for_ranks("RANK"), is_set_for_ranks("LAUNCHER_X"), is_set_for_ranks("HF_TOKEN")
    (True, True, False)
    """
    return variable in SET_FOR_RANKS or variable.startswith("LAUNCHER_")


def fault_of_name(name: str) -> str:
    """Why a secret cannot have this name; empty when it can.

    >>> fault_of_name("WANDB_API_KEY"), fault_of_name("RANK")
    ('', 'is set by the launcher for every worker; choose another name')
    """
    if not NAME.fullmatch(name) or not name.isascii():
        return "is not the name of an environment variable; write it as WANDB_API_KEY"
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    if is_set_for_ranks(name):
        return "is set by the launcher for every worker; choose another name"
    return ""


def fault_of_value(value: bytes) -> str:
    """Why this cannot be a secret's value; empty when it can. Says nothing of what it holds.

    >>> fault_of_value(b"abc"), fault_of_value(b"")
    ('', 'is empty')
    """
    if not value:
        return "is empty"
    if len(value) > LARGEST:
        return f"has {len(value):,} bytes; at most {LARGEST:,} are kept"
    if b"\0" in value:
        return "holds a NUL character, which no process can be given"
    try:
        value.decode()
    except UnicodeDecodeError:
        return "is not UTF-8; keep it as text, as base64 gives it"
    return ""
