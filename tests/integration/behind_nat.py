"""A Ray cluster in a network of its own, behind a router that translates addresses.

      this machine ── bridge ── router ── bridge inside ── inside-0 (Ray's head, executor), inside-1
      the server        outer address │ inner address

What is inside opens connections to the outside; nothing outside can open one to it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import namespaces
from namespaces import Space, Spaces
from two_machines import start_ray

from launcher.clusters.base import RayAddress

_PORT = 6380
_INSIDE = "10.213.7"
_ROUTER = """
table ip nat {{
  chain out {{
    type nat hook postrouting priority 100;
    oifname "eth0" masquerade
  }}
}}
table ip gate {{
  chain pass {{
    type filter hook forward priority 0;
    {rules}
  }}
}}
"""
_OUTWARDS = 'iifname "eth0" ct state new drop'
_SILENCE = 'iifname "eth0" drop; oifname "eth0" drop'


def missing() -> str:
    """Why there can be none here; empty when there can."""
    if why := namespaces.missing():
        return why
    try:
        namespaces.run("nft", "--version")
    except FileNotFoundError:
        return "a router that translates addresses needs nft: apt install nftables"
    return ""


class BehindNat:
    """Use it in a `with`. Its link is whole at first."""

    def __init__(self, folder: Path) -> None:
        self._spaces = Spaces(folder)
        self._machines: list[Space] = []
        self.gateway = self._spaces.gateway
        self.address = RayAddress(f"{self.inside(0)}:{_PORT}", {"RAY_AUTH_MODE": "disabled"})

    def __enter__(self):
        self._spaces.__enter__()
        try:
            self._router = self._spaces.add("router")
            self._spaces.wire(self._router, self._spaces.host(2))
            self._command("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            self._router.ip("link", "add", "inside", "type", "bridge")
            self._router.ip("addr", "add", f"{_INSIDE}.1/24", "dev", "inside")
            self._router.ip("link", "set", "inside", "up")
            for number in range(2):
                machine = self._spaces.add(f"inside-{number}")
                self._spaces.join(self._router, "inside", machine, self.inside(number))
                machine.ip("route", "add", "default", "via", f"{_INSIDE}.1")
                self._machines.append(machine)
            self.heal()
            # We know the way, so that it is the router which keeps us out.
            namespaces.run("ip", "route", "add", f"{_INSIDE}.0/24", "via", self._spaces.host(2))
            self._start_ray(0, "--head", f"--port={_PORT}", "--include-dashboard=false")
            self._start_ray(1, f"--address={self.address.address}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._spaces.__exit__(*error)

    def inside(self, number: int) -> str:
        """The address that a machine has there."""
        return f"{_INSIDE}.{number + 2}"

    def tmp(self, number: int) -> Path:
        """The folder that is /tmp there."""
        return self._machines[number].tmp

    def on(self, number: int) -> list[str]:
        """What to put before a command line that shall run there."""
        return self._machines[number].on()

    def cut(self) -> None:
        """From now on the router passes nothing on, and says nothing."""
        self._pass_on(_SILENCE)

    def heal(self) -> None:
        self._pass_on(_OUTWARDS)

    def move(self) -> None:
        """The router has another outer address: no connection that was open goes on."""
        self._router.ip("addr", "flush", "dev", "eth0")
        self._router.ip("addr", "add", f"{self._spaces.host(3)}/24", "dev", "eth0")

    def _start_ray(self, number: int, *options: str) -> None:
        start_ray(self._machines[number], f"--node-ip-address={self.inside(number)}", *options)

    def _pass_on(self, rules: str) -> None:
        script = "flush ruleset\n" + _ROUTER.format(rules=rules)
        self._command("nft", "-f", "-", text=script)

    def _command(self, *words: str, text: str = "") -> None:
        subprocess.run([*self._router.on(), *words], input=text, text=True, check=True)
