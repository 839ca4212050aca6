"""Ids and names that are valid in Ray, Kubernetes (DNS-1123) and file systems, and easy to type.

A job id is its name's beginning and six random letters and digits without look-alikes:
`digits-k3m9ap`. People may type any unique beginning of it, or of its random part. An element of an
array has its index behind that: `digits-k3m9ap-7`.
"""

from __future__ import annotations

import re
import secrets

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without i l o 0 1
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
ID = re.compile(rf"(?<![a-z0-9-])[a-z0-9][a-z0-9-]*-[{_ALPHABET}]{{6}}(?:-\d+)?(?![a-z0-9-])")
"""What may be the id of a job, of an array or of an element, in the middle of a text."""
_STEM_LENGTH = 30  # so that ids of attempts' pods and placement groups stay under 53 characters


def slug(text: str) -> str:
    """The nearest valid name.

    >>> slug("My Train_v2.py")
    'my-train-v2-py'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].rstrip("-") or "job"


def new_job_id(name: str) -> str:
    return f"{slug(name)[:_STEM_LENGTH].rstrip('-')}-{random_part()}"


def element_id(array_id: str, index: int) -> str:
    """Of an element of an array, whose id is one as a job's.

    >>> element_id("sweep-k3m9ap", 7)
    'sweep-k3m9ap-7'
    """
    return f"{array_id}-{index}"


def random_part(length: int = 6) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def allocation_id(job_id: str, number: int) -> str:
    """Also the name of its placement group in Ray.

    >>> allocation_id("digits-k3m9ap", 2)
    'digits-k3m9ap.2'
    """
    return f"{job_id}.{number}"
