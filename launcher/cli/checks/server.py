"""The server that commands speak to: reached, its token, its version, its clusters and disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from launcher import __version__
from launcher.address import NamedServer, OwnServer
from launcher.cli import _words
from launcher.cli.checks.finding import Finding, fault, ok, warning
from launcher.client import Client
from launcher.errors import LauncherError, UnauthorizedError
from launcher.units import format_duration, format_size
from launcher.views import ClusterView, DiskView, ServerView
from launcher.views_measured import Memory

_SLOW_S = 1.0


def check_server(address: NamedServer | OwnServer) -> Iterator[Finding]:
    """Asks the server, unless it is the own one and does not run: nothing is started."""
    if isinstance(address, OwnServer) and not address.runs():
        if address.has_died():
            words = "your own was killed, or its machine went down"
            yield warning("server", words, "the next command starts it again; its log: server.log")
        else:
            yield ok("server", "your own does not run; launcher up starts it")
        return
    try:
        with contextlib.closing(Client()) as client:
            begun = time.monotonic()
            found = client.server()
            took_s = time.monotonic() - begun
    except UnauthorizedError as error:
        yield fault("token", str(error), error.hint or "set LAUNCHER_TOKEN")
        return
    except LauncherError as error:
        yield fault("server", str(error), error.hint or "check that it runs")
        return
    yield check_answer(client.url, found, took_s)
    yield ok("token", "the server knows it")
    if found.leader:
        yield ok("leader", f"{found.leader} decides, epoch {found.epoch}")
    yield check_version(found.version)
    yield from check_clusters(found)
    if found.disk is not None:
        yield check_room(found.disk)
    if found.embedded and found.memory is not None:
        yield check_memory(found.memory)


def check_memory(memory: Memory) -> Finding:
    words = f"server, executor and Ray hold {format_size(memory.always)}"
    if memory.preloaded:
        words += (
            f", interpreters that are preloaded for the next jobs {format_size(memory.preloaded)}"
        )
    return ok("memory", words)


def check_answer(url: str, server: ServerView, took_s: float) -> Finding:
    whose = "your own" if server.embedded else "a shared one"
    words = f"{url} ({whose}) answers in {took_s * 1000:.0f} ms"
    if took_s > _SLOW_S:
        return warning("server", words, "look at its machine's load, and the network between")
    return ok("server", words)


def check_version(version: str) -> Finding:
    if version == __version__:
        return ok("versions", f"client and server are {version}")
    words = f"the client is {__version__}, the server {version}"
    return warning("versions", words, "install the same one on both")


def check_clusters(server: ServerView) -> Iterator[Finding]:
    """Each with what it has, and when it was heard of."""
    if not server.clusters:
        hint = "launcher attach http://HEAD:8265, or launcher executor on a machine of one"
        if server.embedded:
            hint = f"Ray is starting, or executor.log in {server.state_dir} says why not"
        yield warning("clusters", "the server has none", hint)
    for cluster in server.clusters:
        yield _cluster(cluster)
        if cluster.orphans:
            yield _orphans(cluster)


def _orphans(cluster: ClusterView) -> Finding:
    names = ", ".join(cluster.orphans[:3]) + " and more" * (len(cluster.orphans) > 3)
    words = f"{names}: runs there and is unknown to this server, so it is left alone"
    hint = "of a job submitted after the backup that was restored? it ends by itself within 6h"
    return warning(f"cluster {cluster.name}", words, hint)


def check_room(disk: DiskView) -> Finding:
    """Of the state folder, wherever the server runs."""
    words = f"{format_size(disk.free)} of {format_size(disk.total)} free"
    if disk.is_low:
        tell = fault if disk.is_full else warning
        words += "; new jobs and checkpoints are refused" if disk.is_full else ""
        hint = "launcher prune --older-than 30d --dry-run, or launcher retention set"
        return tell("server's disk", words, hint)
    return ok("server's disk", words)


def _cluster(cluster: ClusterView) -> Finding:
    name = f"cluster {cluster.name}"
    if not cluster.live:
        ago = format_duration((cluster.silent_s or 0.0) // 1)
        words = f"was last seen {ago} ago; no job starts there"
        return fault(name, words, "look whether its executor and its head still run")
    cpus = sum(node.total.get("CPU", 0.0) for node in cluster.nodes)
    gpus = sum(node.total.get("GPU", 0.0) for node in cluster.nodes)
    nodes = _words.plural(len(cluster.nodes), "node")
    words = f"{nodes}, {gpus:g} GPUs, {cpus:g} CPUs, Ray {cluster.ray_version}"
    if not cluster.nodes:
        return warning(name, words, "ray status on its head shows whether nodes join")
    return ok(name, words)
