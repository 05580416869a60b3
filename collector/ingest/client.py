"""The client: which network a report came from, as far as trusted proxies tell."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from collector.settings import IPNetwork

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

UNKNOWN_NETWORK = ""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def client_network(
    peer: str | None,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    trusted_proxies: Sequence[IPNetwork],
    client_header: str = "",
) -> str:
    """The network of whoever sent the request: IPv4 /24, IPv6 /48; empty when unknown (a unix socket).

    The peer, unless it is a trusted proxy: then the header named by `client_header`, or else the last address of
    X-Forwarded-For that is no trusted proxy itself. What stands before that one anybody may have written.
    """
    address = parse_address(peer or "")
    if address is None or not _is_trusted(address, tuple(trusted_proxies)):
        return network_of(address)
    wanted = (client_header or "x-forwarded-for").lower().encode("latin-1")
    value = ",".join(value.decode("latin-1") for name, value in headers if name.lower() == wanted)
    if client_header:
        return network_of(parse_address(value) or address)
    for hop in reversed(value.split(",")):
        forwarded = parse_address(hop)
        if forwarded is None:
            break
        address = forwarded
        if not _is_trusted(forwarded, tuple(trusted_proxies)):
            break
    return network_of(address)


@lru_cache(maxsize=4096)
def parse_address(text: str) -> IPAddress | None:
    """An address as peers, proxies and files write it: with a port, brackets or a zone, mapped into IPv6 or not."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@lru_cache(maxsize=4096)
def network_of(address: IPAddress | None) -> str:
    """The network an address stands for: neighbours are one reporter, and no single person can be told."""
    if address is None:
        return UNKNOWN_NETWORK
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, prefix), strict=False))


def is_trusted_peer(peer: str | None, trusted_proxies: Sequence[IPNetwork]) -> bool:
    """Whether what the peer says about the visitor is believed."""
    address = parse_address(peer or "")
    return address is not None and _is_trusted(address, tuple(trusted_proxies))


@lru_cache(maxsize=4096)
def _is_trusted(address: IPAddress, proxies: tuple[IPNetwork, ...]) -> bool:
    return any(address.version == proxy.version and address in proxy for proxy in proxies)
