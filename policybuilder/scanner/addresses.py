"""Addresses: which ones a page of a stranger may have us connect to.

The tables are our own, since those of `ipaddress` change between patch releases of Python.

https://www.iana.org/assignments/iana-ipv4-special-registry/
https://www.iana.org/assignments/iana-ipv6-special-registry/
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "an unspecified"),
        ("10.0.0.0/8", "a private"),
        ("100.64.0.0/10", "a shared (carrier-grade NAT)"),
        ("127.0.0.0/8", "a loopback"),
        # Not public though it looks so: Azure answers here for each of its machines, as others do at 169.254.169.254.
        ("168.63.129.16/32", "a cloud metadata"),
        ("169.254.0.0/16", "a link-local"),
        ("172.16.0.0/12", "a private"),
        ("192.0.0.0/24", "a reserved"),
        ("192.0.2.0/24", "a documentation"),
        ("192.88.99.0/24", "a reserved"),
        ("192.168.0.0/16", "a private"),
        ("198.18.0.0/15", "a benchmarking"),
        ("198.51.100.0/24", "a documentation"),
        ("203.0.113.0/24", "a documentation"),
        ("224.0.0.0/4", "a multicast"),
        ("240.0.0.0/4", "a reserved"),
    )
)

# The first that fits; what lies outside all of them and outside `_GLOBAL_UNICAST` is reserved.
_NOT_PUBLIC_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "an unspecified"),
        ("::1/128", "a loopback"),
        # Translated by a machine of the local network, to where it likes.
        ("64:ff9b:1::/48", "a private"),
        ("2001::/23", "a reserved"),
        ("2001:db8::/32", "a documentation"),
        ("3fff::/20", "a documentation"),
        ("fc00::/7", "a private"),
        ("fe80::/10", "a link-local"),
        ("fec0::/10", "a private"),
        ("ff00::/8", "a multicast"),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")

# https://www.rfc-editor.org/rfc/rfc6052, whose addresses an IPv6-only network resolves public IPv4 hosts to.
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def refusal_of(address: str) -> str | None:
    """What `address` is, such as `a loopback address`, if nobody on the public internet answers there; else None.

    An IPv6 address that carries IPv4 addresses is as public as the least public of them. Raises ValueError for what
    is no IP address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return _refusal_of_v4(parsed)
    if parsed.scope_id is not None:
        return "a link-local address"
    carried = list(_carried(parsed))
    for inner in carried:
        if refusal := _refusal_of_v4(inner):
            return f"{refusal} in IPv6"
    # Nobody routes the last, which IPv6 has given up.
    if carried and parsed not in _COMPATIBLE:
        return None
    for network, kind in _NOT_PUBLIC_V6:
        if parsed in network:
            return f"{kind} address"
    return None if parsed in _GLOBAL_UNICAST else "a reserved address"


def _refusal_of_v4(address: IPv4Address) -> str | None:
    return next((f"{kind} address" for network, kind in _NOT_PUBLIC_V4 if address in network), None)


def _carried(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses to which packets for `address` end up going."""
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
