"""The text of `launcher init`: a job.yaml that runs as it is and shows what can be changed."""

from __future__ import annotations

import json
import re

from launcher import names
from launcher.errors import SpecError
from launcher.spec.entrypoint import parse_entrypoint, program_name
from launcher.spec.values import WrongValueError

_PLAIN = re.compile(r"(-m|[A-Za-z./][\w./-]*)( [\w./=-]+)+|[\w/-]+\.py")

_TEMPLATE = """\
# Submit: launcher submit job.yaml     Check: launcher validate job.yaml
# Every key: docs/job-spec.md. A line behind '#' shows a default or an example.

name: {name}
framework: {framework:<21}# {framework_note}
entrypoint: {entrypoint}
# workdir: .                    # folder that is sent; .gitignore and .launcherignore are respected

resources:
  workers: 1                    # processes that train together
  # gpus_per_worker: 1          # without it: 1 when the cluster has GPUs{gpu_note}
  # cpus_per_worker: 1
  # memory_per_worker: 8GiB

# env:
#   WANDB_MODE: offline

# checkpoints:
#   keep_last: 2

# retries:
#   max: 3                      # new attempts after the program's own failures

# timeouts:
#   run: 12h                    # no limit without it
"""


def job_template(entrypoint: str = "train.py", framework: str = "pytorch") -> str:
    """A commented job.yaml for a program.

    Raises:
        SpecError: the entrypoint cannot be read; the text says why.
    """
    command = framework == "command"
    try:
        program = parse_entrypoint(entrypoint, framework)
    except WrongValueError as error:
        raise SpecError(f"entrypoint: {error}".replace("{value}", repr(entrypoint))) from error
    return _TEMPLATE.format(
        name=names.slug(program_name(program)),
        framework=framework,
        framework_note="any program; pytorch for DDP" if command else "or command: any program",
        entrypoint=_line(entrypoint),
        gpu_note=" and framework is not command" if command else "",
    )


def _line(text: str) -> str:
    """As it stands where YAML surely reads it as text; else in double quotes, which JSON's are."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
