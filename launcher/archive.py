"""A job as a plain folder: its spec, code, logs, curves, checkpoints, outputs and history.

Done again after an interruption it goes on, and does not fetch again what is there. What is not
its own is never touched: a file in its way that somebody else wrote or changed ends it in words.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import LauncherError, NotFoundError
from launcher.shelf import Shelf
from launcher.views import CheckpointView, JobView, LogStream, as_json, write_csv

if TYPE_CHECKING:
    from launcher.client import Client
    from launcher.download import JobFiles


def archive(
    client: Client, ref: str, folder: Path | None = None, tell: Callable[[str], None] = print
) -> Path:
    """Write all that the server keeps of a job into a folder; gives the folder.

    Args:
        client: knows the server.
        ref: the job; one that still runs is written as it is now.
        folder: made if need be. Default: the job's id.
        tell: told what is being written.

    Raises:
        ConflictError: the folder, or a file in it, is not this archive's own.
    """
    job = client.job(ref)
    root = folder or Path(job.id)
    try:
        with Shelf(root, job.id) as shelf:
            _write_texts(client, job, shelf)
            _write_files(client, job, shelf, tell)
    except OSError as error:
        raise LauncherError(
            f"{root} cannot be written: {error.strerror or error}",
            hint="the same command goes on where it stopped",
        ) from error
    return root


def _write_texts(client: Client, job: JobView, shelf: Shelf) -> None:
    shelf.put("spec.yaml", _spec(job))
    shelf.put("job.json", json.dumps(as_json(job), indent=2) + "\n")
    shelf.put("metrics.csv", _metrics(client, job))
    shelf.put("events.txt", _events(client, job))


def _write_files(client: Client, job: JobView, shelf: Shelf, tell: Callable[[str], None]) -> None:
    files = client.files(job.id)
    if not (job.spec or {}).get("in_place"):
        tell("code")
        shelf.unpack("code", files.get_code)
    for stream in client.log_streams(job.id):
        _write_log(client, job, stream, shelf)
    outputs = files.outputs()
    if outputs:
        tell("outputs")
    for output in outputs:
        shelf.fetch(
            f"outputs/{output.place}",
            output.sha256,
            lambda target, output=output: files.get_output(output, target),  # type: ignore[misc]
        )
    kept = client.checkpoints(job.id)
    newest = {one.step: one.id for one in kept}
    for checkpoint in kept:
        again = f"-attempt-{checkpoint.attempt}" * (newest[checkpoint.step] != checkpoint.id)
        _write_checkpoint(
            files, checkpoint, f"checkpoints/step-{checkpoint.step}{again}", shelf, tell
        )


def _write_log(client: Client, job: JobView, stream: LogStream, shelf: Shelf) -> None:
    name = f"logs/attempt-{stream.attempt}/rank-{stream.rank}.{stream.stream}"

    def pieces(offset: int) -> Iterator[bytes]:
        while offset < stream.length:
            part = client.read_log(
                job.id, stream.attempt, stream.rank, offset=offset, stream=stream.stream
            )
            if not part.data:
                return
            yield part.data[: stream.length - part.offset]
            offset = part.offset + len(part.data)

    if stream.missing:
        shelf.write(name, pieces(0))
    else:
        shelf.extend(name, stream.length, pieces)


def _write_checkpoint(
    files: JobFiles,
    checkpoint: CheckpointView,
    name: str,
    shelf: Shelf,
    tell: Callable[[str], None],
) -> None:
    tell(name)
    try:
        for entry in checkpoint.files:
            shelf.fetch(
                f"{name}/{entry.path}",
                entry.sha256,
                lambda target, entry=entry: files.get_checkpoint_file(  # type: ignore[misc]
                    checkpoint.id, entry, target
                ),
            )
    except NotFoundError:
        tell(f"{name} is not whole: the server gave that checkpoint up meanwhile")


def _spec(job: JobView) -> str:
    """The spec as it runs again from within the folder."""
    from launcher.spec.dump import to_yaml
    from launcher.spec.judge import spec_from_data

    spec = spec_from_data(job.spec or {}, f"spec of {job.id}")
    return to_yaml(spec if spec.in_place else spec.model_copy(update={"workdir": "code"}))


def _metrics(client: Client, job: JobView) -> str:
    stream = io.StringIO(newline="")
    write_csv(client.metrics(job.id, raw=True), stream)
    return stream.getvalue()


def _events(client: Client, job: JobView) -> str:
    lines = []
    for event in client.events(job.id):
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event.time))
        attempt = f"attempt {event.attempt}: " if event.attempt else ""
        text = event.text if event.text.startswith("attempt") else f"{attempt}{event.text}"
        lines.append(f"{moment}  {text}\n")
    return "".join(lines)
