"""Detours: `--connect-to HOST1:PORT1:HOST2:PORT2`, with the meaning that curl gives it.

https://curl.se/docs/manpage.html#--connect-to
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import NamedTuple

from policybuilder.errors import CspbuildError

_DETOUR = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]\s/@]*):(?P<port>[0-9]*):"
    r"(?P<target_host>\[[0-9A-Fa-f:.]+\]|[^:\[\]\s/@]*)(?::(?P<target_port>[0-9]*))?"
)


class Endpoint(NamedTuple):
    """Where a connection goes."""

    host: str
    """A name or an address, IPv6 without brackets."""

    port: int


@dataclass(frozen=True, slots=True)
class Detour:
    """Connect elsewhere than a URL says; its name stays what TLS and the Host header say."""

    host: str | None
    """Of the URL, in lower case, IPv6 without brackets; None is any."""

    port: int | None
    target_host: str | None
    """None keeps the URL's, as it does for the port."""

    target_port: int | None

    def covers(self, endpoint: Endpoint) -> bool:
        return self.host in {None, endpoint.host.lower()} and self.port in {None, endpoint.port}


def parse_detour(text: str) -> Detour:
    """The detour that an operator typed; any of its four parts may be empty. Raises CspbuildError for other text."""
    match = _DETOUR.fullmatch(text)
    if match is None or not all(_is_host(match[name]) for name in ("host", "target_host")):
        raise CspbuildError(
            f"no --connect-to: {text!r}; give HOST:PORT:HOST:PORT, each of them may be empty, IPv6 in brackets"
        )
    host, target_host = (match[name].strip("[]").lower() or None for name in ("host", "target_host"))
    return Detour(host, _port(match["port"], text), target_host, _port(match["target_port"] or "", text))


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return True
    try:
        IPv6Address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _port(digits: str, text: str) -> int | None:
    if not digits:
        return None
    # Longer ones are not even converted.
    if len(digits) > 5 or not 0 < int(digits) < 65536:
        raise CspbuildError(f"no port: {digits[:20]} in --connect-to {text[:200]}; ports are 1 to 65535")
    return int(digits)


def destination(endpoint: Endpoint, detours: Iterable[Detour]) -> Endpoint:
    """Where to connect for `endpoint`: the first detour that covers it counts."""
    for detour in detours:
        if detour.covers(endpoint):
            return Endpoint(detour.target_host or endpoint.host, detour.target_port or endpoint.port)
    return endpoint
