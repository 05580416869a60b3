"""Locations: where the peer takes a value of a policy to point, which it asks the URL parser about any value at all."""

from __future__ import annotations

import re
from typing import NamedTuple

import ada_url

WILDCARD = "wildcard_placeholder"
"""What the peer writes in the place of a star, since URLs have none."""

_PUNYCODE = "xn--"
_MOST_PUNYCODE = 256
"""Characters; decoding takes time by their square, and names have 63 at most."""

_SCHEME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.-]*://")


class Location(NamedTuple):
    """A host and a path, as the WHATWG parser serializes them."""

    host: str
    """Holds `WILDCARD` where the value has its first star."""

    path: str
    """`/` where there is none."""


# Values whose location needs no parser, which takes several times as long. Left to it: punycode, last labels that may
# be numbers, escapes, dot segments, and what it would refuse. A test holds the two to one answer.
_PLAIN = re.compile(
    r"(?P<host>(?:[A-Za-z0-9_'+=-]+\.)*[A-Za-z_'][A-Za-z0-9_'+=-]*)"
    r"(?::[0-9]{0,4})?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+=:@,/-]*)?"
)


def scheme_free(value: str) -> str:
    """`value` without what stands before its host."""
    if "//" not in value:
        return value
    match = _SCHEME.match(value)
    return value[match.end() if match else 0 :].removeprefix("//")


def read_location(value: str) -> Location | None:
    """Where `value` points; None where the URL parser refuses it."""
    rest = scheme_free(value)
    if "*" in rest:
        rest = rest.replace(":*", "", 1).replace("*", WILDCARD, 1)
    if (plain := _PLAIN.fullmatch(rest)) and "/." not in rest:
        host, path = plain["host"].lower(), plain["path"] or "/"
        if _PUNYCODE not in host:
            return Location(host, path)
    return _read_by_parser(rest)


def _read_by_parser(rest: str) -> Location | None:
    url = _parsed(_scalar_values(rest))
    if url is None or not all(_is_readable(label) for label in url.hostname.split(".")):
        return None
    return Location(url.hostname, url.pathname)


def _parsed(rest: str) -> ada_url.URL | None:
    try:
        return ada_url.URL(f"https://{rest}")
    except ValueError:
        return None


def _is_readable(label: str) -> bool:
    """Whether one label of a host is no punycode, or some that stands for a label.

    The parser of node 20, with which the peer is compared, looks; later ones take what is ASCII as it is.
    """
    if not label.startswith(_PUNYCODE) or len(label) > _MOST_PUNYCODE:
        return True
    decoded = _decoded(label)
    if not decoded or decoded.isascii():
        return label.endswith("-") and bool(decoded)
    url = _parsed(decoded)
    return url is not None and _decoded(url.hostname) == decoded


def _decoded(label: str) -> str:
    try:
        return label.removeprefix(_PUNYCODE).encode().decode("punycode")
    except (UnicodeError, OverflowError):
        return ""


_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_BRACKETS = re.compile(r"\[[0-9:]+\]")


def is_address(value: str, location: Location | None) -> bool:
    """Whether the peer takes the host of `value` for an IP address; the parser has read `0x7f.1` as one, too."""
    # What begins with brackets is one to it, wherever the rest leads: `[::1]@a.example` is.
    if "[" in value and _BRACKETS.match(scheme_free(value)):
        return True
    host = "" if location is None else location.host
    return host.startswith("[") or (host[:1].isdigit() and _IPV4.fullmatch(host) is not None)


def _scalar_values(text: str) -> str:
    """`text` as the URL parser is given it: a lone surrogate is U+FFFD there.

    https://webidl.spec.whatwg.org/#js-to-usvstring
    """
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
