"""What all sections of a spec have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A section: frozen, and closed to keys that nobody knows.

    A section with `{}` for a default names BaseModel beside this: ruff then knows that pydantic
    copies it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
