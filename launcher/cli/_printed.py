"""The output of an attempt so far: raw where it may be, made harmless for a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from launcher.cli import _output, _words
from launcher.cli.live.lines import LineCutter, collapsed, prefix, visible
from launcher.client import Client
from launcher.errors import NotFoundError
from launcher.views import JobView, LogStream


def show(
    client: Client,
    job: JobView,
    *,
    ranks: Sequence[int],
    attempt: int | None,
    tail: int | None,
    grep: re.Pattern[bytes] | None,
    raw: bool = False,
    stream: str = "log",
) -> None:
    """Prints the output of an attempt, rank after rank. `raw`: byte for byte in any case."""
    every = client.log_streams(job.id)
    streams = _chosen([one for one in every if one.stream == stream], job, ranks, attempt)
    if not streams:
        has_setup = any(one.stream == "setup" for one in every)
        gone = _words.removed(job, "logs")
        told = f"{job.id}: {gone}" if gone else _nothing_yet(job.id, stream, has_setup=has_setup)
        _output.note(told)
    raw = raw or (len(streams) == 1 and grep is None and not sys.stdout.isatty())
    whole = raw and len(streams) == 1 and grep is None
    for one in streams:
        pieces = _pieces(client, job.id, one, tail)
        label = prefix(one.rank, colour=_output.wants_colour()) if len(streams) > 1 else ""
        for chunk in pieces if whole else _lines(pieces, label, grep, raw=raw):
            sys.stdout.buffer.write(chunk)


def _chosen(
    streams: Sequence[LogStream], job: JobView, ranks: Sequence[int], attempt: int | None
) -> list[LogStream]:
    newest = max((stream.attempt for stream in streams), default=0)
    attempt = newest if attempt is None else attempt
    chosen = [
        stream
        for stream in streams
        if stream.attempt == attempt and (not ranks or stream.rank in ranks)
    ]
    if not chosen and (ranks or attempt != newest):
        there = ", ".join(f"attempt {one.attempt} rank {one.rank}" for one in streams[:8])
        asked = " ".join(f"rank {rank}" for rank in ranks)
        words = f"job {job.id} has no output of attempt {attempt} {asked}".rstrip()
        raise NotFoundError(words, hint=f"it has {there or 'none yet'}")
    if chosen and newest > 1 and attempt == newest:
        earlier = _words.plural(newest - 1, "earlier attempt")
        _output.note(f"attempt {newest}; --attempt N shows {earlier}")
    return sorted(chosen, key=lambda stream: stream.rank)


def _nothing_yet(job: str, stream: str, *, has_setup: bool) -> str:
    if stream == "setup":
        return f"{job}: no environment was made; those that were there already say nothing"
    told = f"launcher logs {job} --setup shows how its environment is made"
    return f"{job} printed nothing yet; {told if has_setup else f'why: launcher why {job}'}"


def _pieces(client: Client, job: str, stream: LogStream, tail: int | None) -> Iterable[bytes]:
    if tail is not None:
        return [client.tail_log(job, stream.attempt, stream.rank, tail, stream=stream.stream).data]
    return client.log(job, stream.attempt, stream.rank, stream=stream.stream)


def _lines(
    pieces: Iterable[bytes], label: str, grep: re.Pattern[bytes] | None, *, raw: bool
) -> Iterator[bytes]:
    cutter = LineCutter()
    for piece in pieces:
        yield from _chosen_lines(cutter.feed(piece), label, grep, raw=raw)
    if cutter.rest:
        yield from _chosen_lines([cutter.rest], label, grep, raw=raw)


def _chosen_lines(
    lines: Iterable[bytes], label: str, grep: re.Pattern[bytes] | None, *, raw: bool
) -> Iterator[bytes]:
    terminal = sys.stdout.isatty()
    for line in lines:
        left = line if raw else collapsed(line)
        if grep is None or grep.search(left):
            shown = visible(left).encode() if terminal and not raw else left
            yield label.encode() + shown + b"\n"
