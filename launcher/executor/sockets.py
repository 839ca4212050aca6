"""The kernel's table of TCP connections, as /proc/net/tcp and tcp6 write it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

_ADDRESSES, _STATE, _INODE = slice(1, 3), 3, 9
_ESTABLISHED = "01"

Address = tuple[str, int]


@dataclass(frozen=True)
class Connection:
    """One end of an established connection; `inode` is its socket's, in some process."""

    local: Address
    remote: Address
    inode: int


def names_port(table: str, port: int) -> bool:
    """Whether a socket of the table listens on a port, or one of its connection's ends has it.

    So does one that was closed less than a minute ago (TIME_WAIT). A socket that is bound and does
    not listen is not in the table.

    >>> names_port("0: 0100007F:1F90 00000000:0000 0A 00000000:00000000", 0x1F90)
    True
    """
    # A colon, four digits and a space: no other column of the table looks so.
    return f":{port:04X} " in table


def connections(table: str) -> Iterator[Connection]:
    """What is established."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > _INODE and columns[_STATE] == _ESTABLISHED:
            local, remote = map(_address, columns[_ADDRESSES])
            yield Connection(local, remote, int(columns[_INODE]))


def talk(
    found: Collection[Connection], owners: Mapping[int, int], elsewhere: Collection[str]
) -> bool:
    """Whether two ranks are connected to each other.

    Args:
        found: of the machine.
        owners: rank by the inode of a socket that it holds.
        elsewhere: addresses of the gang's other nodes.
    """
    ranks = {(one.local, one.remote): owners[one.inode] for one in found if one.inode in owners}
    return any(
        remote[0] in elsewhere or ranks.get((remote, local), rank) != rank
        for (local, remote), rank in ranks.items()
    )


def _address(column: str) -> Address:
    """`0100007F:1F90` -> ("127.0.0.1", 8080): words of 4 bytes, each in the machine's order."""
    host, _, port = column.partition(":")
    words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)
