"""Source expressions: what one token of a source list says.

https://w3c.github.io/webappsec-csp/#framework-directive-source-list
"""

from __future__ import annotations

import base64
import enum
import functools
import hashlib
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from policybuilder.csp.grammar import (
    EXTENDED_HASH_SOURCE,
    HASH_SOURCE,
    HOST_SOURCE,
    NONCE_SOURCE,
    SCHEME_SOURCE,
    WRITABLE_PATH,
)
from policybuilder.csp.question import Browser

NONCE_PLACEHOLDER = "{NONCE}"
"""Stands in a suggested policy where each response puts its own nonce; outside the grammar on purpose."""


class Keyword(enum.StrEnum):
    """https://w3c.github.io/webappsec-csp/#grammardef-keyword-source"""

    SELF = "'self'"
    UNSAFE_INLINE = "'unsafe-inline'"
    UNSAFE_EVAL = "'unsafe-eval'"
    WASM_UNSAFE_EVAL = "'wasm-unsafe-eval'"
    STRICT_DYNAMIC = "'strict-dynamic'"
    STRICT_DYNAMIC_URL = "'strict-dynamic-url'"
    UNSAFE_HASHES = "'unsafe-hashes'"
    INLINE_SPECULATION_RULES = "'inline-speculation-rules'"
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
    """Firefox refuses the token: a leading zero in the port, a final dot in the host, `*` with a path, an odd path."""

    decoded_path: str | None = field(init=False, repr=False, compare=False)
    """Without escapes, as Chromium reads them."""

    is_star: bool = field(init=False, repr=False, compare=False)
    """Whether this is the lone `*`, which has a rule of its own."""

    browsers_differ: bool = field(init=False, repr=False, compare=False)
    """Whether a URL of its hosts may match it in one browser and not in another."""

    def __post_init__(self) -> None:
        path = self.path_part
        object.__setattr__(self, "decoded_path", None if path is None else decoded_path(path))
        object.__setattr__(self, "is_star", str(self) == "*")
        is_plain = self.port_part in {None, "*"} and (path is None or decoded_path(path).isascii())
        object.__setattr__(self, "browsers_differ", self.only_chromium or not is_plain)

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
    """`sha256`, `sha384` or `sha512`; or `ed25519`, where the value is not a digest but the key that signs one."""

    value: str
    """Base64 in the standard alphabet, padded as spelt."""

    refused_by: Browser | None = None
    """The browser to which the token is no digest: `'sha-256-…'` to Firefox, what decodes to no bytes to Chromium."""

    digest: bytes = field(init=False, repr=False, compare=False)
    """The bytes that `value` stands for; empty when it stands for none."""

    browsers_differ: bool = field(init=False, repr=False, compare=False)
    """Whether one browser may match it and another not."""

    def __post_init__(self) -> None:
        digest = decoded_base64(self.value) or b""
        object.__setattr__(self, "digest", digest)
        # Firefox compares the text, Chromium the bytes.
        is_usual = self.refused_by is None and base64.b64encode(digest).decode() == self.value
        object.__setattr__(self, "browsers_differ", not is_usual)

    def __str__(self) -> str:
        return f"'{self.algorithm}-{self.value}'"


@dataclass(frozen=True, slots=True)
class ExtendedHashSource:
    """`'url-sha256-…'` or `'eval-sha256-…'`: the digest of a script's URL, or of a string to compile.

    Chromium tries them out. It lets them admit something on sites of the origin trial alone, but they switch other
    expressions off everywhere; to other browsers they are nothing.

    https://github.com/explainers-by-googlers/script-src-v2
    """

    subject: str
    """`url` or `eval`."""

    algorithm: str
    value: str
    """Base64 in the standard alphabet, padded as spelt."""

    def __str__(self) -> str:
        return f"'{self.subject}-{self.algorithm}-{self.value}'"


SourceExpression = SchemeSource | HostSource | KeywordSource | NonceSource | HashSource | ExtendedHashSource

_KEYWORDS = {keyword.value: KeywordSource(keyword) for keyword in Keyword}
SELF = _KEYWORDS[Keyword.SELF]


def parse_source_expression(text: str) -> SourceExpression | None:
    """What one token of a source list means, or None for what browsers ignore; `'none'` is not an expression."""
    # Policies have most of their tokens in common. Long ones come from strangers, who must not own the cache.
    return _parse_cached(text) if len(text) <= _MAX_CACHED_LENGTH else _parse(text)


_MAX_CACHED_LENGTH = 256


def _parse(text: str) -> SourceExpression | None:
    if not text.isascii():
        return None
    if text.startswith("'"):
        return _parse_quoted(text)
    if match := SCHEME_SOURCE.fullmatch(text):
        return SchemeSource(match["scheme"].lower())
    if match := HOST_SOURCE.fullmatch(text):
        return _host_source(match["scheme"], match["host"], match["port"], match["path"])
    return None


_parse_cached = functools.lru_cache(maxsize=4096)(_parse)


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
        or (path is not None and (path.startswith("//") or WRITABLE_PATH.fullmatch(path) is None)),
    )


def _parse_quoted(text: str) -> SourceExpression | None:
    if keyword := _KEYWORDS.get(text.lower()):
        return keyword
    if match := NONCE_SOURCE.fullmatch(text):
        return NonceSource(match["value"])
    if match := HASH_SOURCE.fullmatch(text):
        value = standard_base64(match["value"])
        is_unknown_to_firefox = match["dash"] or match["key"]
        if decoded_base64(value) is None:
            return None if is_unknown_to_firefox else HashSource(f"sha{match['bits']}", value, Browser.CHROMIUM)
        algorithm = "ed25519" if match["key"] else f"sha{match['bits']}"
        return HashSource(algorithm, value, Browser.FIREFOX if is_unknown_to_firefox else None)
    if match := EXTENDED_HASH_SOURCE.fullmatch(text):
        value = standard_base64(match["value"])
        if decoded_base64(value) is not None:
            return ExtendedHashSource(match["subject"].lower(), f"sha{match['bits']}", value)
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


def decoded_base64(value: str) -> bytes | None:
    """The bytes of base64 in the standard alphabet; padding may be left out, but none be too much, or None."""
    bare = value.rstrip("=")
    padding = -len(bare) % 4
    if len(value) - len(bare) > padding:
        return None
    try:
        return base64.b64decode(bare + "=" * padding, validate=True)
    except ValueError:
        return None


def decoded_path(path: str, browser: Browser = Browser.CHROMIUM) -> str:
    """A path without its escapes."""
    escaped = unquote_to_bytes(path)
    # Differs from the spec: bytes that are no UTF-8 are read as Latin-1, so that %E4 is %C3%A4; because Chromium does;
    # see https://w3c.github.io/webappsec-csp/#match-paths. As Latin-1 alone, each byte stands for itself.
    if browser is Browser.CHROMIUM:
        try:
            return escaped.decode()
        except UnicodeDecodeError:
            pass
    return escaped.decode("latin-1")


HASH_ALGORITHMS = ("sha256", "sha384", "sha512")


def digest(text: str, algorithm: str) -> bytes:
    """The digest of inline code, over its UTF-8 bytes; a lone surrogate counts as U+FFFD, as in browsers."""
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return hashlib.new(algorithm, text.encode()).digest()


def hash_source(text: str, algorithm: str = "sha256") -> str:
    """The hash-source that admits the inline code `text`, such as `'sha256-…'`.

    Raises ValueError for an algorithm that policies do not know.
    """
    if algorithm not in HASH_ALGORITHMS:
        raise ValueError(f"no hash algorithm of policies: {algorithm}; use {', '.join(HASH_ALGORITHMS)}")
    return f"'{algorithm}-{base64.b64encode(digest(text, algorithm)).decode()}'"
