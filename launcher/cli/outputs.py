"""`launcher outputs JOB [get [PATH]...]`: files that a job left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from launcher.cli import _output, _words
from launcher.cli._options import connect, job_argument, output_option
from launcher.errors import NotFoundError, SpecError
from launcher.units import format_size
from launcher.views import OutputView, as_json

_EXAMPLES = """\b
  launcher outputs last
  launcher outputs last get
  launcher outputs last get plots '*.csv' --to results
"""
_VERBS = frozenset({"list", "get"})


@click.command(epilog=_EXAMPLES)
@job_argument
@click.argument("words", nargs=-1, metavar="[get [PATH]...]")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Folder; default JOB-outputs."
)
@output_option()
def command(job: str, words: tuple[str, ...], to: Path | None, output: str) -> None:
    """List the outputs of a job, or get them here.

    PATH is a file, a folder or a pattern; without any, all are got. What is here already is
    verified and kept, and other files are never replaced.
    """
    if job in _VERBS and words:  # as in `launcher checkpoints get JOB`
        job, words = words[0], (job, *words[1:])
    verb, paths = (words[0], words[1:]) if words else ("list", ())
    if verb not in _VERBS or (verb == "list" and paths):
        raise SpecError(
            f"what is {' '.join(words)!r}?", hint=f"launcher outputs {job} get gets them here"
        )
    client = connect()
    identity = client.job(job).id
    found = client.outputs(identity)
    if verb == "list":
        _list(found, output)
        return
    files, folder = client.files(identity), to or Path(f"{identity}-outputs")
    wanted = _chosen(found, paths, identity)
    places = {one: folder / one.place for one in wanted}
    fresh = [one for one, place in places.items() if files.get_output(one, place)]
    if output == "json":
        _output.print_json([as_json(one) | {"file": str(at)} for one, at in places.items()])
    else:
        for place in places.values():
            print(place)
    here = len(wanted) - len(fresh)
    size = format_size(sum(one.size for one in fresh))
    told = f"{_words.plural(len(fresh), 'file')}, {size}, verified"
    _output.note(told + f"; {here:,} were here already" * bool(here))


def _list(found: Sequence[OutputView], output: str) -> None:
    if output == "json":
        _output.print_json(as_json(list(found)))
    elif found:
        _output.print_table(
            ["SIZE", "RANK", "ATTEMPT", "PATH"],
            [[format_size(one.size), str(one.rank), str(one.attempt), one.path] for one in found],
        )
    else:
        _output.note("no outputs: `outputs: [plots/*.png]` in the spec has them collected")


def _chosen(found: Sequence[OutputView], paths: Sequence[str], job: str) -> list[OutputView]:
    if not found:
        raise NotFoundError(
            f"job {job} has no outputs",
            hint="`outputs: [plots/*.png]` in the spec has them collected at the end",
        )
    from launcher.model.globs import matches

    for path in paths:
        if not any(matches(path, one.path) for one in found):
            raise NotFoundError(
                f"job {job} has no output {path!r}", hint=f"launcher outputs {job} lists them"
            )
    return [one for one in found if not paths or any(matches(path, one.path) for path in paths)]
