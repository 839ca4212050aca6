"""Two servers on one PostgreSQL, and before them what Kubernetes calls a service."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from machine import wait_until
from own_postgresql import OwnPostgreSQL
from ray_nodes import RayNodes
from ray_view import RayView
from stack import Service, Stack

from launcher.client import Client
from launcher.errors import LauncherError

_GIVEN_UP = 3
"""Probes in a row that find a server unready, as Kubernetes has it if nobody says otherwise."""


class Balancer:
    """Lets each connection go to the next of the servers that takes it, and is ready."""

    def __init__(self, ports: list[int]) -> None:
        self._ports, self._turn = ports, 0
        self._failed = dict.fromkeys(ports, 0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        asyncio.run_coroutine_threadsafe(self._probe_all(), self._loop)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _probe_all(self) -> None:
        while True:
            for port in self._ports:
                self._failed[port] = 0 if await _is_ready(port) else self._failed[port] + 1
            await asyncio.sleep(1)

    @property
    def sees_all(self) -> bool:
        return not any(self._failed.values())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            for _ in self._ports:
                self._turn += 1
                port = self._ports[self._turn % len(self._ports)]
                if self._failed[port] >= _GIVEN_UP:
                    continue
                with contextlib.suppress(OSError):
                    there = await asyncio.open_connection("127.0.0.1", port)
                    break
            else:
                return
            with contextlib.closing(there[1]):
                ways = (_pump(reader, there[1]), _pump(there[0], writer))
                tasks = [asyncio.ensure_future(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()


async def _is_ready(port: int) -> bool:
    """What a readiness probe finds."""
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
            return b" 200 " in await asyncio.wait_for(reader.readline(), 3)
    return False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class SeveralServers(Stack):
    """A stack whose server is two."""

    def __init__(
        self, folder: Path, nodes: RayNodes, view: RayView, postgresql: OwnPostgreSQL
    ) -> None:
        super().__init__(folder, nodes, view)
        self._postgresql = postgresql
        self._ports = [free_port(), free_port()]
        self._balancer = Balancer(self._ports)
        self._clients: dict[int, Client] = {}
        database = postgresql.create("several")
        self.servers = [self._new_server(port, database) for port in self._ports]

    def _new_server(self, port: int, database: str) -> Service:
        return Service(
            "server",
            self.folder / f"server-{port}.log",
            [
                *("--state-dir", str(self.state_dir), "--port", str(port)),
                *("--database", database, "--public-url", self.url),
            ],
        )

    @property
    def url(self) -> str:
        return self._balancer.url

    @property
    def server(self) -> Service:  # type: ignore[override]
        """One that lives."""
        return next((one for one in self.servers if one.is_alive), self.servers[0])

    @server.setter
    def server(self, _: Service) -> None:
        """There are `servers`."""

    def start_server(self) -> None:
        for server in self.servers:
            if not server.is_alive:
                server.start()
        wait_until(self._answers, "an answer of a server")
        self.server_id = self.client.server().server_id

    def _answers(self) -> bool:
        for server in self.servers:
            assert server.is_alive, server.log.read_text()
        try:
            return self._balancer.sees_all and all(
                self.client_of(one).server().pid > 0 for one in self.servers
            )
        except (LauncherError, OSError):
            return False

    def client_of(self, server: Service) -> Client:
        """One that asks that server, and not the service."""
        port = self._port_of(server)
        if port not in self._clients:
            self._clients[port] = Client(f"http://127.0.0.1:{port}", self.token)
        return self._clients[port]

    @contextlib.contextmanager
    def asking(self, server: Service) -> Iterator[None]:
        """The test asks that server alone: what was asked of a paused one is answered never."""
        before, self._client = self._client, self.client_of(server)
        try:
            yield
        finally:
            self._client = before

    def _port_of(self, server: Service) -> int:
        return self._ports[self.servers.index(server)]

    @property
    def leader(self) -> Service:
        port = self._held()[1].rpartition(":")[2]
        return self.servers[self._ports.index(int(port))]

    @property
    def follower(self) -> Service:
        return next(one for one in self.servers if one is not self.leader)

    @property
    def epoch(self) -> int:
        return self._held()[0]

    def _held(self) -> tuple[int, str]:
        with self._postgresql.connect("several") as connection:
            found = connection.execute("SELECT epoch, url FROM leader").fetchone()
        assert found is not None
        return int(str(found[0])), str(found[1])

    def end(self) -> None:
        try:
            if any(server.is_alive for server in self.servers):
                self.clean_up()
        finally:
            for server in self.servers:
                if server.is_alive:
                    server.kill()
            self._kill_all()
            for client in self._clients.values():
                client.close()
            self._balancer.close()
