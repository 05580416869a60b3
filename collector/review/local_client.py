"""Local clients: whether a program of the operator's own made a loopback connection.

On one machine a proxy in front of the service, or another user, connects from loopback as well as the operator's
browser does. Linux tells whose a socket is.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Collection
from pathlib import Path

_SOCKET_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOOKS = 5
_TIME_WAIT = "06"
"""A closed connection, listed as root's; a new one to elsewhere may have its port."""
_FIRST_PERSON = 1000
"""Lower user ids belong to services on every common distribution."""


def is_own_client(host: str, port: int) -> bool:
    """Whether the socket at `host` and `port` belongs to this service's user; to any person, if that is root.

    True where the system does not say.
    """
    owner = _owner_of(host, port)
    if owner is None:
        return True
    own = os.geteuid()
    return owner == own or (own == 0 and owner >= _FIRST_PERSON)


def _owner_of(host: str, port: int) -> int | None:
    """The user id that owns a socket of this machine, by https://docs.kernel.org/networking/proc_net_tcp.html."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    wanted = {f"{_kernel_spelling(form)}:{port:04X}" for form in _forms(address)}
    # The kernel hands a table out in pieces, and a line may be missed where connections come and go between two.
    for _ in range(_LOOKS):
        owner = _listed_owner(wanted)
        if owner is not None:
            return owner
    return None


def _listed_owner(wanted: Collection[str]) -> int | None:
    for table in _SOCKET_TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 7 and fields[1] in wanted and fields[3] != _TIME_WAIT:
                return int(fields[7])
    return None


def _forms(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[bytes]:
    """As an IPv4 socket and as an IPv6 socket would have it."""
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return [address.packed] if mapped is None else [address.packed, mapped.packed]
    return [address.packed, ipaddress.IPv6Address(f"::ffff:{address}").packed]


def _kernel_spelling(packed: bytes) -> str:
    """Hexadecimal, each group of four bytes in this machine's order."""
    groups = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(group, 'little' if _IS_LITTLE else 'big'):08X}" for group in groups)


_IS_LITTLE = sys.byteorder == "little"
