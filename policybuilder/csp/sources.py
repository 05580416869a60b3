"""Source expressions: what one token of a source list says.

https://w3c.github.io/webappsec-csp/#framework-directive-source-list
"""

from __future__ import annotations

import base64
import enum
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from policybuilder.csp.grammar import (
    HASH_SOURCE,
    HOST_SOURCE,
    NONCE_SOURCE,
    SCHEME_SOURCE,
    WRITABLE_PATH,
)

NONCE_PLACEHOLDER = "{NONCE}"
"""Stands in a suggested policy where each response puts its own nonce; outside the grammar on purpose."""


class Keyword(enum.StrEnum):
    """https://w3c.github.io/webappsec-csp/#grammardef-keyword-source"""

    SELF = "'self'"
    UNSAFE_INLINE = "'unsafe-inline'"
    UNSAFE_EVAL = "'unsafe-eval'"
    WASM_UNSAFE_EVAL = "'wasm-unsafe-eval'"
    STRICT_DYNAMIC = "'strict-dynamic'"
    UNSAFE_HASHES = "'unsafe-hashes'"
    REPORT_SAMPLE = "'report-sample'"
    TRUSTED_TYPES_EVAL = "'trusted-types-eval'"
    REPORT_SHA256 = "'report-sha256'"
    REPORT_SHA384 = "'report-sha384'"
    REPORT_SHA512 = "'report-sha512'"
    UNSAFE_ALLOW_REDIRECTS = "'unsafe-allow-redirects'"
    UNSAFE_WEBTRANSPORT_HASHES = "'unsafe-webtransport-hashes'"


@dataclass(frozen=True, slots=True)
class SchemeSource:
    """A `scheme-source`, such as `https:`."""

    scheme: str
    """Lower-cased, without the colon."""

    def __str__(self) -> str:
        return f"{self.scheme}:"


@dataclass(frozen=True, slots=True)
class HostSource:
    """A `host-source`, such as `https://*.example.com:8443/js/`; also the lone `*`."""

    host_part: str
    """Lower-cased; may begin with `*.` or be `*` alone."""

    scheme_part: str | None = None
    """Lower-cased; None means the scheme of the page."""

    port_part: str | None = None
    """Decimal digits without leading zeros, or `*`; None means the default port of the URL's scheme."""

    path_part: str | None = None
    """Begins with `/`, as spelt; a final `/` makes it a prefix."""

    only_chromium: bool = False
    """Firefox refuses the token: a leading zero in the port, a final dot in the host, `*` with a path, a lone `%`."""

    decoded_path: bytes | None = field(init=False, repr=False, compare=False)
    is_star: bool = field(init=False, repr=False, compare=False)
    """Whether this is the lone `*`, which has a rule of its own."""

    def __post_init__(self) -> None:
        path = self.path_part
        object.__setattr__(self, "decoded_path", None if path is None else unquote_to_bytes(path))
        object.__setattr__(self, "is_star", str(self) == "*")

    def __str__(self) -> str:
        scheme = "" if self.scheme_part is None else f"{self.scheme_part}://"
        port = "" if self.port_part is None else f":{self.port_part}"
        return f"{scheme}{self.host_part}{port}{self.path_part or ''}"


@dataclass(frozen=True, slots=True)
class KeywordSource:
    """A `keyword-source`, such as `'self'`."""

    keyword: Keyword

    def __str__(self) -> str:
        return self.keyword.value


@dataclass(frozen=True, slots=True)
class NonceSource:
    """A `nonce-source`, such as `'nonce-r4nd0m'`."""

    value: str
    """Compared as it is: neither case nor padding folds."""

    def __str__(self) -> str:
        return f"'nonce-{self.value}'"


@dataclass(frozen=True, slots=True)
class HashSource:
    """A `hash-source`, such as `'sha256-…'`."""

    algorithm: str
    """`sha256`, `sha384` or `sha512`."""

    value: str
    """Base64 in the standard alphabet, padded as spelt."""

    only_chromium: bool = False
    """Firefox refuses the token (`'sha-256-…'`), or does not match it (padding left out)."""

    def __str__(self) -> str:
        return f"'{self.algorithm}-{self.value}'"


SourceExpression = SchemeSource | HostSource | KeywordSource | NonceSource | HashSource

_KEYWORDS = {keyword.value: KeywordSource(keyword) for keyword in Keyword}
SELF = _KEYWORDS[Keyword.SELF]


def parse_source_expression(text: str) -> SourceExpression | None:
    """What one token of a source list means, or None for what browsers ignore; `'none'` is not an expression."""
    if not text.isascii():
        return None
    if text.startswith("'"):
        return _parse_quoted(text)
    if match := SCHEME_SOURCE.fullmatch(text):
        return SchemeSource(match["scheme"].lower())
    if match := HOST_SOURCE.fullmatch(text):
        return _host_source(match["scheme"], match["host"], match["port"], match["path"])
    return None


def _host_source(scheme: str | None, host: str, port: str | None, path: str | None) -> HostSource:
    plain_port = port if port is None or port == "*" else port.lstrip("0") or "0"
    return HostSource(
        host_part=host.lower(),
        scheme_part=scheme and scheme.lower(),
        port_part=plain_port,
        path_part=path,
        only_chromium=plain_port != port
        or host.endswith(".")
        or (host == "*" and port is None and path is not None)
        or _LONE_PERCENT.search(path or "") is not None,
    )


_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _parse_quoted(text: str) -> SourceExpression | None:
    if keyword := _KEYWORDS.get(text.lower()):
        return keyword
    if match := NONCE_SOURCE.fullmatch(text):
        return NonceSource(match["value"])
    if match := HASH_SOURCE.fullmatch(text):
        value = standard_base64(match["value"])
        return HashSource(f"sha{match['bits']}", value, only_chromium=bool(match["dash"]) or len(value) % 4 != 0)
    if text[:7].lower() == "'nonce-" and text[7:] == f"{NONCE_PLACEHOLDER}'":
        return NonceSource(NONCE_PLACEHOLDER)
    return None


def is_valid_source_expression(text: str) -> bool:
    """Whether `text` may be written into a source list: one valid expression, and nothing that ends it early.

    Stricter than what browsers read: no query, no character a path has to escape.
    """
    if "," in text or ";" in text:
        return False
    match parse_source_expression(text):
        case None:
            return False
        case HostSource(path_part=str(path)):
            return text.endswith(path) and WRITABLE_PATH.fullmatch(path) is not None
        case _:
            return True


def standard_base64(value: str) -> str:
    """`value` with the URL-safe alphabet folded into the standard one.

    https://w3c.github.io/webappsec-csp/#match-element-to-source-list
    """
    return value.replace("-", "+").replace("_", "/")


HASH_ALGORITHMS = ("sha256", "sha384", "sha512")


def digest(text: str, algorithm: str) -> str:
    """The base64 digest of inline code, over its UTF-8 bytes; a lone surrogate counts as U+FFFD, as in browsers."""
    code_units = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return base64.b64encode(hashlib.new(algorithm, code_units.encode()).digest()).decode()


def hash_source(text: str, algorithm: str = "sha256") -> str:
    """The hash-source that admits the inline code `text`, such as `'sha256-…'`.

    Raises ValueError for an algorithm that policies do not know.
    """
    if algorithm not in HASH_ALGORITHMS:
        raise ValueError(f"no hash algorithm of policies: {algorithm}; use {', '.join(HASH_ALGORITHMS)}")
    return f"'{algorithm}-{digest(text, algorithm)}'"


@dataclass(frozen=True, slots=True)
class SourceList:
    """A directive's values, read once for all the questions put to them."""

    expressions: tuple[tuple[str, SourceExpression], ...]
    """The valid expressions in order, each with its own spelling."""

    url_sources: tuple[tuple[str, SourceExpression], ...] = field(init=False, repr=False, compare=False)
    """Those that a URL of any host can match."""

    host_sources: dict[str, tuple[tuple[str, HostSource], ...]] = field(init=False, repr=False, compare=False)
    """Those that only URLs of one host can match, by that host: long lists consist of them."""

    nonces: dict[str, str] = field(init=False, repr=False, compare=False)
    """Spelling by nonce."""

    hashes: tuple[tuple[str, HashSource], ...] = field(init=False, repr=False, compare=False)
    keywords: frozenset[Keyword] = field(init=False, repr=False, compare=False)
    browsers_differ: bool = field(init=False, repr=False, compare=False)
    """Whether Chromium and Firefox may read the list differently."""

    def __post_init__(self) -> None:
        keywords = frozenset(source.keyword for _, source in self.expressions if isinstance(source, KeywordSource))
        hosts = [(text, source) for text, source in self.expressions if isinstance(source, HostSource)]
        by_host: dict[str, list[tuple[str, HostSource]]] = {}
        for text, source in hosts:
            if not source.host_part.startswith("*"):
                by_host.setdefault(source.host_part, []).append((text, source))
        hashes = tuple((text, source) for text, source in self.expressions if isinstance(source, HashSource))
        derived: dict[str, object] = {
            "url_sources": tuple((text, source) for text, source in self.expressions if _matches_urls(source)),
            "host_sources": {host: tuple(named) for host, named in by_host.items()},
            "nonces": {source.value: text for text, source in self.expressions if isinstance(source, NonceSource)},
            "hashes": hashes,
            "keywords": keywords,
            "browsers_differ": {Keyword.UNSAFE_INLINE, Keyword.STRICT_DYNAMIC} <= keywords
            or any(source.only_chromium for _, source in hashes)
            or any(source.only_chromium or source.port_part not in {None, "*"} for _, source in hosts),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def __contains__(self, keyword: Keyword) -> bool:
        return keyword in self.keywords


def _matches_urls(source: SourceExpression) -> bool:
    match source:
        case HostSource(host_part=host):
            return host.startswith("*")
        case SchemeSource():
            return True
        case _:
            return source == SELF


def parse_source_list(values: Iterable[str]) -> SourceList:
    """The valid expressions of `values`; others are ignored one by one, `'none'` too.

    A list without any valid expression matches nothing, like `'none'`.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-list
    """
    parsed = ((value, parse_source_expression(value)) for value in values)
    return SourceList(tuple((text, source) for text, source in parsed if source is not None))
