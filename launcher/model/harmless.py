"""What programs say, made fit for the terminals of people: it may not command them."""

from __future__ import annotations

import re

COMMANDS = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Regular expression of all that moves, asks, colours, retitles or fills a clipboard."""
_COMMANDS = re.compile(COMMANDS)


def harmless(text: str) -> str:
    r"""The text alone.

    >>> harmless("\x1b]0;yours\x07\x1b[31mValueError\x1b[0m: 3\x00")
    'ValueError: 3'
    """
    return _COMMANDS.sub("", text)
