"""Hosts of cleaned URLs, and the patterns they are compared with."""

from __future__ import annotations

import ipaddress

_LOCAL_SUFFIXES = (".localhost", ".local", ".test", ".internal", ".lan", ".home.arpa")


def host_of(url: str) -> str | None:
    """Host and port of a cleaned network URL; None for anything else."""
    _, separator, rest = url.partition("://")
    return rest.partition("/")[0] if separator else None


def scheme_of(url: str) -> str:
    """The scheme of a cleaned URL; a bare scheme, a keyword and an empty text as they stand."""
    return url.partition("://")[0]


def without_port(authority: str) -> str:
    """The host alone."""
    host, separator, port = authority.rpartition(":")
    return host if separator and port.isdigit() else authority


def host_matches(pattern: str, authority: str) -> bool:
    """Whether a document's host (with its port, if it is not the default one) is `pattern`, or below its `*.`."""
    host = authority if ":" in pattern.rpartition("]")[2] else without_port(authority)
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def is_local(authority: str) -> bool:
    """Whether a host is that of a machine or network of one's own, as where people develop and test."""
    host = without_port(authority).lower()
    try:
        return ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        # https://www.rfc-editor.org/rfc/rfc6761 and what home routers and companies use.
        return "." not in host or host.endswith(_LOCAL_SUFFIXES)
