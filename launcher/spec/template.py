"""The text of `launcher init`: a job.yaml that runs as it is and shows what can be changed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence

from launcher import names
from launcher.errors import SpecError
from launcher.spec.build import spec_from_command
from launcher.spec.dump import to_yaml
from launcher.spec.entrypoint import parse_entrypoint, program_name
from launcher.spec.frameworks import FRAMEWORKS
from launcher.spec.inspection import Inspection
from launcher.spec.translation import is_launch_line
from launcher.spec.unbuilt import KEYS_NOT_BUILT
from launcher.spec.values import WrongValueError

_PLAIN = re.compile(r"(-m|[A-Za-z./][\w./-]*)( [\w./=-]+)+|[\w/-]+\.py")
_COLUMN = 32
"""Where comments behind a value begin."""
_WIDTH = 100

_HEADER = """\
# Submit: launcher submit job.yaml     Check: launcher validate job.yaml
# Every key: docs/job-spec.md. A line behind '#' shows a default or an example.
"""
_TEMPLATE = """\
{header}
name: {name}
{framework}
{section}\
entrypoint: {entrypoint}
{arguments}\
# workdir: .                    # folder that is sent; .gitignore and .launcherignore are respected

resources:
{workers}
  # gpus_per_worker: 1          # without it: 1 when the cluster has GPUs{gpu_note}
  # cpus_per_worker: 1
  # memory_per_worker: 8GiB

# env:
#   WANDB_MODE: offline

{links}{checkpoints}
# retries:
#   max: 3                      # new attempts after the program's own failures

# timeouts:
#   run: 12h                    # no limit without it
"""
_NOTHING = Inspection()


def job_template(
    entrypoint: str = "train.py",
    framework: str = "pytorch",
    *,
    found: Inspection | None = None,
    links: Mapping[str, str] | None = None,
) -> str:
    """A commented job.yaml for a program.

    Args:
        entrypoint: the program as its author runs it.
        framework: of this version.
        found: what the program told of itself; None: nobody looked.
        links: symlinks of its folder that lead out of it, and where they lead.

    Raises:
        SpecError: the entrypoint cannot be read; the text says why.
    """
    try:
        program = parse_entrypoint(entrypoint, framework)
    except WrongValueError as error:
        raise SpecError(f"entrypoint: {error}".replace("{value}", repr(entrypoint))) from error
    return _TEMPLATE.format(
        header=_HEADER,
        name=names.slug(program_name(program)),
        framework=_with_note(f"framework: {framework}", _framework_note(framework, found)),
        section=_section(framework, found),
        entrypoint=_line(entrypoint),
        arguments=_arguments(found or _NOTHING),
        workers=_workers(found),
        gpu_note=" and framework is not command" if framework == "command" else "",
        links=_links(links or {}),
        checkpoints=_checkpoints(found or _NOTHING),
    )


def propose(
    argv: Sequence[str],
    found: Inspection | None,
    framework: str | None = None,
    *,
    links: Mapping[str, str] | None = None,
) -> str:
    """A job.yaml for a command line, which may be of another launcher.

    Args:
        argv: the program with its arguments.
        found: what the program told of itself.
        framework: the user's word.
        links: symlinks of the folder that lead out of it, and where they lead.

    Raises:
        SpecError: every complaint about the command line.
    """
    if is_launch_line(argv):
        spec = spec_from_command(argv, framework=framework, check_files=False)
        checkpoints = _checkpoints(found or _NOTHING)
        return f"{_HEADER}\n{to_yaml(spec)}\n{_links(links or {})}{checkpoints}"
    text = shlex.join(argv)
    wanted = framework or (found.framework if found else None) or "pytorch"
    if wanted not in FRAMEWORKS:  # it runs as any program does, until its framework is there
        text, wanted = f"python {text}", "command"
    return job_template(text, wanted, found=found, links=links)


def _framework_note(framework: str, found: Inspection | None) -> str:
    trains_with = found.framework if found else None
    if trains_with and trains_with != framework and trains_with not in FRAMEWORKS:
        return f"framework: {trains_with} is not in this version"
    if found is not None and trains_with is None and framework != "command":
        return "it imports no framework that is known here"
    return "any program; pytorch for DDP" if framework == "command" else "or command: any program"


def _section(framework: str, found: Inspection | None) -> str:
    if found is None or found.section is None or found.section[0] != framework:
        return ""
    section, key, value = found.section
    return f"{section}: {{{key}: {value}}}\n"


def _workers(found: Inspection | None) -> str:
    together = found is not None and found.is_distributed
    note = "processes that train together"
    if found is not None and not together:
        note = "nothing in the program lets several train together"
    return _with_note(f"  workers: {2 if together else 1}", note)


def _arguments(found: Inspection) -> str:
    """What the program takes, as comments that are no keys."""
    text = ""
    lines: list[str] = []
    for argument in map(str, found.arguments):
        if text and len(text) + len(argument) > _WIDTH - 20:
            lines.append(text)
            text = ""
        text = f"{text}, {argument}" if text else argument
    lines += [text] * bool(text)
    return "".join(
        f"{'# it takes: ' if number == 0 else '#           '}{line}\n"
        for number, line in enumerate(lines)
    )


def _links(links: Mapping[str, str]) -> str:
    """The symlinks that would not be sent, made on the nodes instead."""
    if not links:
        return ""
    lines = [f"  {_plain(name)}: {_plain(target)}\n" for name, target in links.items()]
    return (
        "links:                          # symlinks, made on every node\n" + "".join(lines) + "\n"
    )


def _checkpoints(found: Inspection) -> str:
    plain = "# checkpoints:\n#   keep_last: 2\n"
    if not found.saves or found.uses_launcher:
        return plain
    watch = _with_note(
        f"  watch: {json.dumps(list(found.saves))}", "what it saves; the next attempt finds it"
    )
    block = f"checkpoints:\n{watch}\n  # keep_last: 2\n"
    if "checkpoints.watch" in KEYS_NOT_BUILT:
        return "".join(f"# {line}\n" for line in block.replace("  # ", "  ").splitlines())
    return block


def _with_note(line: str, note: str) -> str:
    return f"{line:<{_COLUMN}}# {note}" if len(line) < _COLUMN else f"{line}  # {note}"


def _plain(path: str) -> str:
    return path if re.fullmatch(r"/?[A-Za-z_][\w./-]*", path) else json.dumps(path)


def _line(text: str) -> str:
    """As it stands where YAML surely reads it as text; else in double quotes, which JSON's are."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
