"""The client: which network a report came from, as far as trusted proxies tell."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from collector.settings import IPNetwork

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

UNKNOWN_NETWORK = ""

_MAX_CACHED_CHARACTERS = 64
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
    client = _seen(peer or "")
    if not _is_among(client.address, trusted_proxies):
        return client.network
    wanted = client_header.lower().encode("latin-1") if client_header else b"x-forwarded-for"
    said = b",".join([value for name, value in headers if name.lower() == wanted]).decode("latin-1")
    if client_header:
        return _seen(said).network or client.network
    for hop in reversed(said.split(",")):
        forwarded = _seen(hop)
        if forwarded.address is None:
            break
        client = forwarded
        if not _is_among(client.address, trusted_proxies):
            break
    return client.network


def parse_address(text: str) -> IPAddress | None:
    """An address as peers, proxies and files write it: with a port, brackets or a zone, mapped into IPv6 or not."""
    return _seen(text).address


def network_of(address: IPAddress | None) -> str:
    """The network an address stands for: neighbours are one reporter, and no single person can be told."""
    if address is None:
        return UNKNOWN_NETWORK
    prefix = 24 if address.version == 4 else 48
    host_bits = address.max_prefixlen - prefix
    return f"{type(address)(int(address) >> host_bits << host_bits)}/{prefix}"


def is_trusted_peer(peer: str | None, trusted_proxies: Sequence[IPNetwork]) -> bool:
    """Whether what the peer says about the visitor is believed."""
    return _is_among(parse_address(peer or ""), trusted_proxies)


def _is_among(address: IPAddress | None, networks: Sequence[IPNetwork]) -> bool:
    # Asking the networks takes less than hashing them to remember what they said, and a loop less than `any`.
    if address is not None:
        for network in networks:
            if address in network:
                return True
    return False


class _Seen(NamedTuple):
    """What a text says of an address."""

    address: IPAddress | None
    network: str


def _seen(text: str) -> _Seen:
    # Headers may be long, and are whatever a stranger wrote.
    return _seen_cached(text) if len(text) <= _MAX_CACHED_CHARACTERS else _read(text)


def _read(text: str) -> _Seen:
    address = _parse(text)
    return _Seen(address, network_of(address))


_seen_cached = lru_cache(maxsize=4096)(_read)


def _parse(text: str) -> IPAddress | None:
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
