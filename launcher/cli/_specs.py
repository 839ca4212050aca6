"""From the words of a command line to a spec: a file, or a program behind `--`."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from launcher.cli import _completing, _output, _python, _words
from launcher.cli._leftout import tell_left_out
from launcher.cli._options import FILLED, WORKERS
from launcher.errors import ConflictError, SpecError
from launcher.units import format_size

if TYPE_CHECKING:
    from pydantic import BaseModel

    from launcher.client import Client
    from launcher.spec.jobspec import JobSpec
    from launcher.spec.workdir import Listing
    from launcher.views import JobView

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a key of the spec, as resources.workers=4; may be repeated.",
)
_OPTIONS = (
    click.argument(
        "words", nargs=-1, metavar="[SPEC | -- PROGRAM...]", shell_complete=_completing.files
    ),
    set_option,
    click.option(
        "-w", "--workers", type=WORKERS, metavar="N[-M]", help="Number of workers, or 2-8: elastic."
    ),
    click.option("-g", "--gpus-per-worker", type=int, help="GPUs of each worker."),
    click.option("--name", help="Name of the job."),
    click.option("--framework", help="As in a spec. Default: pytorch, or command if not Python."),
    click.option("-e", "--env", multiple=True, metavar="KEY=VALUE", help="Environment variable."),
    click.option("--save", type=Path, metavar="FILE", help="Also write the spec as YAML."),
    click.option(
        "--from", "from_job", metavar="JOB[@STEP]", help="Begin from another job's checkpoint."
    ),
    click.option(
        "--after",
        multiple=True,
        metavar="JOB[:any]",
        help="Start when that job has succeeded, with :any when it has ended; may be repeated.",
    ),
    click.option("--array", metavar="0-9[%4]", help="A job for each index, %4: at most 4 at once."),
    click.option(
        "--not-before", metavar="WHEN", help="Start no earlier: 2026-11-23T20:00, or 8h from now."
    ),
    click.option(
        "--in-place",
        is_flag=True,
        default=None,
        help="Run in the folder itself and send nothing; only on this machine.",
    ),
    click.option("--key", type=FILLED, help="Idempotency key: the same key gives the same job."),
    click.option("--verbose", is_flag=True, help="Name every file that is not sent, and why."),
    click.option("--dry-run", is_flag=True, help="Print the spec with all defaults, and stop."),
)


@dataclass(frozen=True)
class Wish:
    """What the command line says of a job, beside its words."""

    overrides: tuple[str, ...]
    workers: int | dict[str, int] | None
    gpus_per_worker: int | None
    name: str | None
    framework: str | None
    env: tuple[str, ...]
    from_job: str | None = None
    in_place: bool | None = None
    after: tuple[str, ...] = ()
    array: str | None = None
    not_before: str | None = None

    def variables(self) -> dict[str, str]:
        return dict(_pair(text) for text in self.env)

    def as_overrides(self, *, of_program: bool = False) -> list[str]:
        """The flags in the form of `--set`, which then has the last word.

        Args:
            of_program: only those that `spec_from_command` does not take itself.
        """
        from launcher.spec.overrides import Flag

        flags = [
            ("name", self.name, "--name"),
            ("framework", self.framework, "--framework"),
            *((f"env.{key}", text, f"--env {key}=") for key, text in self.variables().items()),
        ]
        more = [
            ("resources.workers", self.workers, "--workers"),
            ("resources.gpus_per_worker", self.gpus_per_worker, "--gpus-per-worker"),
            ("from_job", self.from_job, "--from"),
            ("in_place", self.in_place, "--in-place"),
            ("array", self.array, "--array"),
            ("not_before", self.not_before, "--not-before"),
        ]
        given = [
            Flag.of(
                key,
                json.dumps(value),
                f"{flag}{'' if flag.endswith('=') else ' '}{_written(value)}",
            )
            for key, value, flag in (more if of_program else [*flags, *more])
            if value is not None
        ]
        return [*given, *self._awaited(), *self.overrides]

    def _awaited(self) -> list[str]:
        from launcher.spec.overrides import Flag

        if not self.after:
            return []
        value = self.after[0] if len(self.after) == 1 else list(self.after)
        return [
            Flag.of("after", json.dumps(value), " ".join(f"--after {job}" for job in self.after))
        ]


def _written(value: Any) -> str:
    """A flag's value as its user wrote it."""
    return f"{value['min']}-{value['max']}" if isinstance(value, dict) else str(value)


def spec_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `run`, `submit` and `plan`: what they get is a spec and what is left."""

    @functools.wraps(function)
    def command(words: tuple[str, ...], save: Path | None, dry_run: bool, **options: Any) -> Any:
        flags = {field.name: options.pop(field.name) for field in fields(Wish)}
        spec = read_spec(words, Wish(**flags))
        if save:
            _save(spec, save)
        if dry_run:
            print(full_yaml(spec), end="")
            return None
        return function(spec, **options)

    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


def read_spec(words: Sequence[str], wish: Wish) -> JobSpec:
    """The spec that words and flags mean.

    Raises:
        SpecError: every complaint.
    """
    if not words:
        raise SpecError(
            "no spec and no program is given",
            hint="launcher run job.yaml, or launcher run --workers 2 -- train.py --epochs 5",
        )
    if not _names_spec(words):
        return _from_program(words, wish)
    if len(words) > 1:
        raise SpecError(
            f"one spec at a time; what is {words[1]!r}?",
            hint="--set KEY=VALUE changes keys of the spec",
        )
    from launcher.spec.load import load_spec

    return load_spec(words[0], wish.as_overrides())


def full_yaml(spec: JobSpec) -> str:
    """The spec with every default, as YAML that reads back as the same spec."""
    import yaml

    return str(yaml.safe_dump(_full(spec), sort_keys=False, allow_unicode=True, width=10_000))


def expect_files(spec: JobSpec) -> Listing | None:
    """Look whether the spec's files can be sent; nothing is read or sent.

    Gives what would be sent, or None for a job that runs in place.

    Raises:
        SpecError: every complaint about them.
    """
    from launcher.spec.packaging import preview
    from launcher.spec.program import needed_files

    if spec.in_place:
        return None
    return preview(Path(spec.workdir), required=needed_files(spec), links=spec.links)


def send(
    client: Client, spec: JobSpec, key: str | None, *, verbose: bool = False, hold: bool = False
) -> JobView:
    """Submits a spec, and tells what was sent and what was not."""
    python = _python.Asked(spec)
    submission = client.submit(spec, key=key, python=python.path, hold=hold)
    job, package = submission.job, submission.package
    if not submission.is_new:
        _output.note(f"key {key!r} was submitted before; this is its job")
        return job
    if package is None:
        what = f"runs in place, in {spec.workdir}"
    else:
        count, size = _words.plural(package.files, "file"), format_size(package.total_bytes)
        what = f"sent {count}, {size} of {spec.workdir}"
    count_of = f"{job.array_count} x " if job.array_id else ""
    _output.note(f"{job.array_id or job.id}: {count_of}{_words.gang(job)}; {what}")
    _tell_remarks(job)
    python.tell(job)
    if package is not None:
        tell_left_out(Path(spec.workdir), package.left_out, verbose=verbose)
    return job


def tell_array(job: JobView) -> None:
    """How to come back to the array of which this is an element, and to one of its jobs."""
    _output.note(
        f"look: launcher list --elements    one of them: launcher logs {job.id} -f    "
        f"end all: launcher cancel {job.array_id}"
    )


def _tell_remarks(job: JobView) -> None:
    from launcher.spec.launch import remarks
    from launcher.spec.stored import from_server

    if job.spec:
        for text in remarks(from_server(job.spec)):
            _output.note(text)


def _names_spec(words: Sequence[str]) -> bool:
    return words[0].endswith((".yaml", ".yml")) or (len(words) == 1 and Path(words[0]).is_dir())


def _from_program(words: Sequence[str], wish: Wish) -> JobSpec:
    from launcher.spec.build import spec_from_command

    return spec_from_command(
        words,
        name=wish.name,
        framework=wish.framework,
        env=wish.variables(),
        overrides=wish.as_overrides(of_program=True),
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SpecError(f"--env {text}: expected KEY=VALUE", hint=f"--env {text}=1")
    return name, value


def _save(spec: JobSpec, file: Path) -> None:
    from launcher.spec.dump import to_yaml

    folder = file.parent.resolve()
    workdir = os.path.relpath(spec.workdir, folder)
    portable = spec.model_copy(update={"workdir": workdir})
    try:
        with file.open("x") as opened:
            opened.write(to_yaml(portable))
    except FileExistsError as error:
        raise ConflictError(f"{file} exists already", hint="--save another file") from error
    except OSError as error:
        raise SpecError(f"{file} cannot be written: {error.strerror}") from error
    _output.note(f"saved as {file}")


def _full(part: BaseModel) -> dict[str, Any]:
    from pydantic import BaseModel

    from launcher.spec.dump import written_value

    values = {key: getattr(part, key) for key in type(part).model_fields}
    return {
        key: _full(value) if isinstance(value, BaseModel) else written_value(key, value)
        for key, value in values.items()
        if value is not None
    }
