"""The URL as matching sees it: scheme, host, port and path after the WHATWG parser, nothing else.

https://url.spec.whatwg.org/
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import ada_url

from policybuilder.csp.grammar import CONCRETE_HOST

DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
NETWORK_SCHEMES = frozenset({"http", "https", "ws", "wss"})
SECURE_UPGRADES = {"http": "https", "ws": "wss"}

# Splits what the WHATWG parser has serialized; never used on a text as it arrived.
_SERIALIZED = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):"
    r"(?://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^:/?#]*)(?::(?P<port>[0-9]+))?(?P<path>[^?#]*))?"
)

# Spellings that the WHATWG parser returns as they are, but for query and fragment, which matching never sees. Most URLs
# in reports are so, and splitting one here costs a fifth of a full parse. Left to the parser: escapes, ports, hosts
# ending in a number, which may be IPv4 addresses in disguise, and what `_parse` looks for. A test holds the two to one
# answer.
_PLAIN = re.compile(r"(https?|wss?)://([a-z0-9.-]+\.[a-z]+)(/[A-Za-z0-9._~!$&()*+=:@,;/-]*)?(?:[?#].*)?")

_MAX_CACHED_LENGTH = 1024

# The words with which reports name a URL that has no authority: `data`, `blob`, `chrome-extension`.
_BARE_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]*")


class URL(NamedTuple):
    """The parts of a URL that matching looks at; a tuple, which takes half as long to make."""

    scheme: str
    host: str
    """As the WHATWG parser serializes it; empty for URLs without one, such as `data:`."""

    port: str | None
    """Decimal digits, the scheme's default filled in; None where there is no default."""

    path: str | None
    """Percent-encoded; None when it is not known, as in reports that are cut to the origin."""

    @property
    def is_network(self) -> bool:
        return self.scheme in NETWORK_SCHEMES

    @property
    def has_default_port(self) -> bool:
        return self.port == DEFAULT_PORTS.get(self.scheme)

    @property
    def origin(self) -> str:
        """Serialized, such as `https://shop.example`; `null` for URLs without a host."""
        if not self.host:
            return "null"
        port = "" if self.has_default_port else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    def without_path(self) -> URL:
        """The same URL, its path not known."""
        return self._replace(path=None)

    def upgraded(self) -> URL:
        """The URL that upgrade-insecure-requests makes of it.

        https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request
        """
        secure = SECURE_UPGRADES.get(self.scheme)
        if secure is None or self.is_loopback:
            return self
        port = DEFAULT_PORTS[secure] if self.has_default_port else self.port
        return self._replace(scheme=secure, port=port)

    def as_picture_of(self, page: URL | None) -> URL:
        """The URL that is requested for a picture: an insecure one is upgraded on a secure page, before it is checked.

        https://w3c.github.io/webappsec-mixed-content/#upgrade-algorithm
        """
        is_mixed = self.scheme == "http" and page is not None and page.scheme == "https"
        return self.upgraded() if is_mixed and not self.is_ip_address else self

    @property
    def is_ip_address(self) -> bool:
        return self.host.startswith("[") or self.host.replace(".", "").isdigit()

    @property
    def is_loopback(self) -> bool:
        """Whether the URL is trustworthy without encryption.

        https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
        """
        host = self.host.rstrip(".")
        is_name = host == "localhost" or host.endswith(".localhost")
        return is_name or host == "[::1]" or (host.startswith("127.") and host.replace(".", "").isdigit())


def parse_url(text: str) -> URL | None:
    """The URL that browsers read in `text`, or None when they refuse it."""
    # Texts come from strangers: a cache of long ones would be theirs to fill.
    return _parse_cached(text) if len(text) <= _MAX_CACHED_LENGTH else _parse(text)


def _parse(text: str) -> URL | None:
    if plain := _PLAIN.fullmatch(text):
        scheme, host, path = plain.groups()
        # Neither punycode, which may be invalid, nor dot segments.
        if "xn--" not in host and (path is None or "/." not in path):
            # Past the constructor, which takes as long as everything else here.
            return tuple.__new__(URL, (scheme, host, DEFAULT_PORTS[scheme], path or "/"))
    return _parse_by_standard(text)


def _parse_by_standard(text: str) -> URL | None:
    serialized = serialized_url(text)
    if serialized is None:
        return None
    match = _SERIALIZED.match(serialized)
    if match is None:  # pragma: no cover - a serialized URL has a scheme; this keeps strangers' texts from raising
        return None
    scheme, host, port, path = match.group("scheme", "host", "port", "path")
    return URL(scheme, host or "", port or DEFAULT_PORTS.get(scheme), path or "")


_parse_cached = functools.lru_cache(maxsize=4096)(_parse)


def parse_page(text: str) -> URL | None:
    """The URL whose origin is the self-origin of a page at `text`, or None when `text` is no URL.

    https://w3c.github.io/webappsec-csp/#policy-self-origin
    """
    return _parse_page_cached(text) if len(text) <= _MAX_CACHED_LENGTH else _parse_page(text)


def _parse_page(text: str) -> URL | None:
    return _parse(text.removeprefix("blob:"))


# Apart from the other URLs, which are many and would drive them out.
_parse_page_cached = functools.lru_cache(maxsize=1024)(_parse_page)


def parse_blocked(text: str) -> URL | None:
    """The URL that a blocked URI names: in full, or by its scheme alone where reports say no more."""
    if ":" in text:
        return _parse_cached(text) if len(text) <= _MAX_CACHED_LENGTH else _parse(text)
    if _BARE_SCHEME.fullmatch(text) is None:
        return None
    scheme = text.lower()
    return None if scheme in DEFAULT_PORTS else URL(scheme, "", None, "")


OPAQUE = URL("", "", None, "")
"""A URL with an opaque origin, such as `data:` or `mailto:`, of which reports tell no more."""


def serialized_url(text: str) -> str | None:
    """`text` as the WHATWG parser writes it again, or None when it is no URL."""
    try:
        return ada_url.URL(text).href
    except ValueError:
        return None


def origin_of(text: str) -> str | None:
    """The serialized origin of a URL, such as `https://shop.example`; None when it has none."""
    url = parse_url(text)
    return url.origin if url is not None and url.host else None


def is_csp_host(host: str) -> bool:
    """Whether `host` can be written as the host of a host-source; `a..b`, `a_b` and `[::1]` cannot."""
    return CONCRETE_HOST.fullmatch(host) is not None
